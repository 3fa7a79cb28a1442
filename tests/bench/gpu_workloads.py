"""What gpu_side_by_side.py measures, and what each measurement costs at least on a given model."""

import dataclasses
import json
import pathlib

PAGE = (400, 74)  # patches of a page of 1036 x 5600 px: 7,400 image tokens
IMAGE = (228, 92)  # of 1280 x 3200 px, resized to multiples of 28
QUESTION = 32  # tokens of a prompt besides its images


@dataclasses.dataclass(frozen=True)
class Decode:
    """A step of `batch` sequences that have `context` tokens each."""
    batch: int
    context: int


@dataclasses.dataclass(frozen=True)
class FirstToken:
    """From the prompt, its images as patches on the device, to the first token."""
    text: int
    images: tuple = ()
    times: int = 1  # that many requests one after another

    @property
    def patches(self) -> list[int]:
        return [rows * columns for rows, columns in self.images]

    @property
    def tokens(self) -> int:
        return self.text + sum(self.patches) // 4


@dataclasses.dataclass(frozen=True)
class Vision:
    """The vision encoder alone on one image."""
    image: tuple

    @property
    def patches(self) -> list[int]:
        return [self.image[0] * self.image[1]]


def workloads(tiny: bool) -> dict:
    if tiny:
        page, image, text, contexts = (8, 4), (4, 4), 64, (8, 16, 24)
        batches = ((2, 8), (4, 8))
    else:
        page, image, text, contexts = PAGE, IMAGE, 32768, (512, 7400, 21600)
        batches = ((64, 768), (256, 768))
    question = min(QUESTION, text)
    return {
        **{f"decode_1x{context}": Decode(1, context) for context in contexts},
        **{f"decode_{batch}x{context}": Decode(batch, context) for batch, context in batches},
        f"first_token_text_{text}": FirstToken(text),
        "first_token_page": FirstToken(question, (page,)),
        "first_token_4_pages": FirstToken(question, (page,) * 4),
        "vision_page": Vision(page),
        "images_8": FirstToken(question, (image,) * 8),
        "images_8_single": FirstToken(question, (image,), times=8),
    }


class Cost:
    """Bytes and floating-point operations of a model of glm4v, in bfloat16."""

    def __init__(self, folder: pathlib.Path):
        config = json.loads((folder / "config.json").read_text())
        self.text, self.vision = config["text_config"], config["vision_config"]
        hidden, self.heads = self.text["hidden_size"], self.text["num_attention_heads"]
        self.layers, self.kv_heads = (
            self.text["num_hidden_layers"], self.text["num_key_value_heads"])
        self.head_dim = hidden // self.heads
        kv = 2 * self.kv_heads * self.head_dim
        inner = self.text["intermediate_size"]
        # name: (outputs, inputs) of the linear maps of a layer
        self.layer_maps = {"qkv": (hidden + kv, hidden), "attention output": (hidden, hidden),
                           "gate_up": (2 * inner, hidden), "down": (hidden, inner)}
        self.head_map = (self.text["vocab_size"], hidden)
        self.kv_token_bytes = 2 * kv * self.layers
        self.layer_weights = sum(n * k for n, k in self.layer_maps.values())
        self.decode_weights = self.layers * self.layer_weights + self.head_map[0] * self.head_map[1]
        self._read_vision(self.vision["hidden_size"], self.vision["out_hidden_size"])

    def _read_vision(self, width: int, out: int) -> None:
        self.blocks, self.vision_heads = self.vision["depth"], self.vision["num_heads"]
        self.vision_head_dim = width // self.vision_heads
        self.block_maps = {"vision qkv": (3 * width, width), "vision output": (width, width),
                           "vision gate_up": (2 * out, width), "vision down": (width, out)}
        block = sum(n * k for n, k in self.block_maps.values())
        patch = self.vision["in_channels"] * self.vision["temporal_patch_size"] * (
            self.vision["patch_size"] ** 2)
        inner = self.vision["intermediate_size"]
        merged = 4 * width * out + out * out + 3 * out * inner  # of four patches
        self.patch_flop = 2 * (self.blocks * block + patch * width + merged / 4)

    def decode_bytes(self, work: Decode) -> float:
        return 2 * self.decode_weights + work.batch * work.context * self.kv_token_bytes

    def decode_flop(self, work: Decode) -> float:
        attention = 4 * self.layers * self.heads * self.head_dim * work.context
        return work.batch * (2 * self.decode_weights + attention)

    def gemm_flop(self, work) -> float:
        flop = self.patch_flop * sum(work.patches)
        if isinstance(work, FirstToken):
            flop += 2 * self.layers * self.layer_weights * work.tokens
            flop += 2 * self.head_map[0] * self.head_map[1]
        return flop

    def attentions(self, work) -> list:
        """(how often, (length, heads, KV heads, head size, causal)) of a prefill."""
        shapes = [(self.blocks, (patches, self.vision_heads, self.vision_heads,
                                 self.vision_head_dim, False)) for patches in work.patches]
        if isinstance(work, FirstToken):
            shapes.append((self.layers, (work.tokens, self.heads, self.kv_heads, self.head_dim,
                                         True)))
        return shapes

    def ceiling_ms(self, work, ceilings: dict) -> float | None:
        """The time that the ceilings allow; None where one was not measured."""
        gemm, copy = ceilings.get("gemm_tflops"), ceilings.get("copy_gbs")
        if isinstance(work, Decode):
            if not gemm or not copy:
                return None
            return max(self.decode_bytes(work) / copy / 1e6, self.decode_flop(work) / gemm / 1e9)
        times = [(n, ceilings.get(attention_name(shape))) for n, shape in self.attentions(work)]
        if not gemm or any(ms is None for _, ms in times):
            return None
        once = self.gemm_flop(work) / gemm / 1e9 + sum(n * ms for n, ms in times)
        return once * getattr(work, "times", 1)


def attention_name(shape: tuple) -> str:
    length, heads, kv_heads, head_dim, causal = shape
    return f"attention_{'causal' if causal else 'full'}_{length}x{heads}/{kv_heads}x{head_dim}_ms"
