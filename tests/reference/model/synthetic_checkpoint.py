"""Checkpoints that need no storage: every value follows from seed, tensor name and index.

tests/vlm_service/model/synthetic_checkpoint.cc computes the same values, so a golden folder holds
only config.json, tensors.json (names, shapes, scales) and what Hugging Face answered.

    hash  = splitmix64(fnv1a64(name) ^ seed, index)
    level = sum of the four lowest 6-bit fields of hash - 126        (-126 .. 126, bell-shaped)
    value = offset + level * 2^exponent                              (exact in float32, bf16, f16)
"""

import math

import numpy as np

LEVEL_STD = math.sqrt(4 * (64**2 - 1) / 12)
FNV_OFFSET, FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3
MASK = (1 << 64) - 1


def hashes(name: str, seed: int, count: int) -> np.ndarray:
    state = FNV_OFFSET
    for byte in name.encode():
        state = ((state ^ byte) * FNV_PRIME) & MASK
    with np.errstate(over="ignore"):
        x = np.uint64(state ^ seed) + (np.arange(count, dtype=np.uint64) + np.uint64(1)) * np.uint64(
            0x9E3779B97F4A7C15
        )
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def values(tensor: dict, seed: int) -> np.ndarray:
    h = hashes(tensor["name"], seed, math.prod(tensor["shape"]))
    level = sum(((h >> np.uint64(6 * k)) & np.uint64(63)).astype(np.int64) for k in range(4)) - 126
    x = tensor["offset"] + level.astype(np.float64) * 2.0 ** tensor["exponent"]
    return x.astype(np.float32).reshape(tensor["shape"])


def pixels(name: str, seed: int, width: int, height: int) -> np.ndarray:
    """An RGB page: the highest byte of each hash."""
    h = hashes(name, seed, width * height * 3)
    return (h >> np.uint64(56)).astype(np.uint8).reshape(height, width, 3)


def exponent_for(std: float) -> int:
    return round(math.log2(std / LEVEL_STD))


def describe(name: str, shape: list[int], tied: bool) -> dict:
    """The scale of one tensor: norms near 1, biases small, matrices by their fan-in, with gains
    large enough that logits are well spread and greedy choices are far from ties."""
    if "norm" in name and name.endswith("weight"):
        return {"name": name, "shape": shape, "offset": 1, "exponent": -7}
    if name.endswith("bias"):
        return {"name": name, "shape": shape, "offset": 0, "exponent": exponent_for(0.1)}
    if "embed_tokens" in name or "position_embedding" in name:
        # A tied head would see the current token in the residual and repeat it for ever.
        std = 0.15 if tied and "embed_tokens" in name else 0.7
        return {"name": name, "shape": shape, "offset": 0, "exponent": exponent_for(std)}
    gain = 4.0 if name == "lm_head.weight" else 1.3
    fan_in = math.prod(shape[1:])
    return {"name": name, "shape": shape, "offset": 0,
            "exponent": exponent_for(gain / math.sqrt(fan_in))}
