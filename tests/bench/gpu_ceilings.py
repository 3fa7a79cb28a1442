"""What a device does at best: copies, matrix products and attention by its vendor's libraries."""

import statistics
import time

import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from gpu_workloads import Cost, Decode, attention_name

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def synchronize() -> None:
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def median_ms(run, repeats: int = 5, inner: int = 3) -> float:
    """Of `inner` runs in a row, so that gaps of the host do not count; after a warm-up."""
    run()
    times = []
    for _ in range(repeats):
        synchronize()
        start = time.perf_counter()
        for _ in range(inner):
            run()
        synchronize()
        times.append((time.perf_counter() - start) * 1e3 / inner)
    return statistics.median(times)


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, device=DEVICE, dtype=torch.bfloat16)


def copy_gbs(num_bytes: int) -> float:
    """Bytes read and bytes written a second."""
    source = torch.randint(0, 255, (num_bytes,), device=DEVICE, dtype=torch.uint8)
    target = torch.empty_like(source)
    return 2 * num_bytes / median_ms(lambda: target.copy_(source), inner=10) / 1e6


def gemm_ms(rows: int, outputs: int, inputs: int) -> float:
    """A product of x [rows, inputs] and a weight [outputs, inputs]. Weights take turns: they are not
    in the cache when their turn comes."""
    copies = max(1, min(8, 256 * 2**20 // (2 * outputs * inputs))) if DEVICE == "cuda" else 1
    x, weights = random(rows, inputs), [random(outputs, inputs) for _ in range(copies)]
    out = torch.empty(rows, outputs, device=DEVICE, dtype=torch.bfloat16)
    turn = iter(range(1 << 30))
    return median_ms(lambda: torch.mm(x, weights[next(turn) % copies].t(), out=out), inner=10)


def attention_ms(length: int, heads: int, kv_heads: int, head_dim: int, causal: bool) -> float:
    """The fastest of cuDNN with few KV heads and with repeated ones."""
    q, k, v = random(1, heads, length, head_dim), random(1, kv_heads, length, head_dim), random(
        1, kv_heads, length, head_dim)

    def timed(k, v, **options):
        backend = SDPBackend.CUDNN_ATTENTION if DEVICE == "cuda" else SDPBackend.MATH
        with sdpa_kernel(backend):
            return median_ms(lambda: functional.scaled_dot_product_attention(
                q, k, v, is_causal=causal, **options))

    repeats = heads // kv_heads
    times = [timed(*(x.repeat_interleave(repeats, 1) for x in (k, v)))]
    if repeats > 1:
        try:
            times.append(timed(k, v, enable_gqa=True))
        except RuntimeError:  # cuDNN of this version repeats them
            pass
    return min(times)


def measure(cost: Cost, works: dict, tiny: bool):
    """Yields (name, value), the most needed first."""
    yield "copy_gbs", copy_gbs(2**20 if tiny else 4 * 2**30)
    side = 64 if tiny else 8192
    yield "gemm_tflops", 2 * side**3 / gemm_ms(side, side, side) / 1e9
    prefills = [work for work in works.values() if not isinstance(work, Decode)]
    shapes = {shape for work in prefills for _, shape in cost.attentions(work)}
    for shape in sorted(shapes):
        yield attention_name(shape), attention_ms(*shape)
    rows = (1, 8) if tiny else (1, 64, 256, 8192)
    for name, shape in {**cost.layer_maps, "head": cost.head_map}.items():
        for count in rows if name != "head" else rows[:-1]:
            yield f"gemm_{name}_{count}x{shape[0]}x{shape[1]}_ms", gemm_ms(count, *shape)
    patches = works["vision_page"].patches[0]
    for name, shape in cost.block_maps.items():
        yield f"gemm_{name}_{patches}x{shape[0]}x{shape[1]}_ms", gemm_ms(patches, *shape)
