#!/usr/bin/env python3
"""Writes a model folder of zai-org/Glyph's shape with random weights: 10,292,777,472 parameters in
bfloat16 (20.6 GB), sharded, in the Hugging Face layout. For what no small model shows: shards with
an index, real sizes, a vocabulary of 151,552.

Needs numpy and 2 GB of memory besides the disk. Every value follows from seed, tensor name and
position, so one command gives the same bytes everywhere:
    python3 tests/reference/model/full_size_checkpoint.py --out /data/full [--seed 1]
    python3 tests/reference/model/full_size_checkpoint.py --out /data/quarter --scale-down 4
A GPU draws other values, as fast as the disk takes them (needs torch; the same bytes on every GPU of
one kind):
    python3 tests/reference/model/full_size_checkpoint.py --out /dev/shm/full --device cuda
"""

import argparse
import concurrent.futures
import json
import math
import os
import pathlib
import shutil
import struct
import time
import zlib

import numpy as np

import synthetic_tokenizer
from synthetic_tokenizer import SPECIAL_IDS

NUM_PARAMETERS = 10_292_777_472  # of the full size
BLOCK = 1 << 23  # values that one thread makes at a time
STOP_IDS = [SPECIAL_IDS[t] for t in ("<|endoftext|>", "<|user|>", "<|observation|>", "</answer>")]


def text_config(scale: int) -> dict:
    return {
        "model_type": "glm4v_text", "vocab_size": 151552, "hidden_size": 4096 // scale,
        "intermediate_size": 13696 // scale, "num_hidden_layers": 40 // scale,
        "num_attention_heads": 32 // scale, "num_key_value_heads": 2, "hidden_act": "silu",
        "attention_bias": True, "attention_dropout": 0.0, "max_position_embeddings": 65536,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "partial_rotary_factor": 0.5,
        "rope_scaling": {"rope_type": "default", "mrope_section": [8, 12, 12]},
        "initializer_range": 0.02, "use_cache": True, "tie_word_embeddings": False,
        "dtype": "bfloat16", "pad_token_id": SPECIAL_IDS["<|endoftext|>"],
        "eos_token_id": STOP_IDS,
    }


def vision_config(scale: int) -> dict:
    return {
        "model_type": "glm4v_vision", "depth": 24 // scale, "hidden_size": 1536 // scale,
        "num_heads": 12 // scale, "intermediate_size": 13696 // scale,
        "out_hidden_size": 4096 // scale, "hidden_act": "silu", "attention_bias": False,
        "attention_dropout": 0.0, "hidden_dropout_prob": 0.0, "image_size": 336, "in_channels": 3,
        "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2, "rms_norm_eps": 1e-5,
        "initializer_range": 0.02,
    }


def config_json(scale: int) -> dict:
    return {
        "architectures": ["Glm4vForConditionalGeneration"], "model_type": "glm4v",
        "transformers_version": "4.57.1", "dtype": "bfloat16", "tie_word_embeddings": False,
        "image_start_token_id": SPECIAL_IDS["<|begin_of_image|>"],
        "image_end_token_id": SPECIAL_IDS["<|end_of_image|>"],
        "video_start_token_id": SPECIAL_IDS["<|begin_of_video|>"],
        "video_end_token_id": SPECIAL_IDS["<|end_of_video|>"],
        "image_token_id": SPECIAL_IDS["<|image|>"], "video_token_id": SPECIAL_IDS["<|video|>"],
        "text_config": text_config(scale), "vision_config": vision_config(scale),
    }


def generation_config_json() -> dict:
    return {"_from_model_config": True, "do_sample": True, "eos_token_id": STOP_IDS,
            "pad_token_id": SPECIAL_IDS["<|endoftext|>"], "temperature": 0.8, "top_k": 2,
            "top_p": 0.6}


def preprocessor_config_json(longest_edge: int) -> dict:
    return {
        "image_processor_type": "Glm4vImageProcessor", "processor_class": "Glm4vProcessor",
        "size": {"shortest_edge": 12544, "longest_edge": longest_edge}, "do_rescale": True,
        "patch_size": 14, "temporal_patch_size": 2, "merge_size": 2,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }


def text_shapes(config: dict):
    """(name, shape) of every tensor of the decoder."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    head_dim = hidden // config["num_attention_heads"]
    model = "model.language_model."
    yield model + "embed_tokens.weight", [config["vocab_size"], hidden]
    for layer in range(config["num_hidden_layers"]):
        prefix = f"{model}layers.{layer}."
        for norm in ["input_layernorm", "post_self_attn_layernorm", "post_attention_layernorm",
                     "post_mlp_layernorm"]:
            yield f"{prefix}{norm}.weight", [hidden]
        for projection, heads in [("q", config["num_attention_heads"]),
                                  ("k", config["num_key_value_heads"]),
                                  ("v", config["num_key_value_heads"])]:
            yield f"{prefix}self_attn.{projection}_proj.weight", [heads * head_dim, hidden]
            yield f"{prefix}self_attn.{projection}_proj.bias", [heads * head_dim]
        yield prefix + "self_attn.o_proj.weight", [hidden, hidden]
        yield prefix + "mlp.gate_up_proj.weight", [2 * inner, hidden]
        yield prefix + "mlp.down_proj.weight", [hidden, inner]
    yield model + "norm.weight", [hidden]
    yield "lm_head.weight", [config["vocab_size"], hidden]


def vision_shapes(config: dict):
    """(name, shape) of every tensor of the vision encoder."""
    hidden, out = config["hidden_size"], config["out_hidden_size"]
    patch, merge = config["patch_size"], config["spatial_merge_size"]
    side = config["image_size"] // patch
    model = "model.visual."
    yield model + "patch_embed.proj.weight", [
        hidden, config["in_channels"], config["temporal_patch_size"], patch, patch]
    yield model + "patch_embed.proj.bias", [hidden]
    yield model + "embeddings.position_embedding.weight", [side * side, hidden]
    yield model + "post_conv_layernorm.weight", [hidden]
    for block in range(config["depth"]):
        prefix = f"{model}blocks.{block}."
        yield prefix + "norm1.weight", [hidden]
        yield prefix + "norm2.weight", [hidden]
        yield prefix + "attn.qkv.weight", [3 * hidden, hidden]
        yield prefix + "attn.proj.weight", [hidden, hidden]
        yield prefix + "mlp.gate_proj.weight", [out, hidden]
        yield prefix + "mlp.up_proj.weight", [out, hidden]
        yield prefix + "mlp.down_proj.weight", [hidden, out]
    yield model + "post_layernorm.weight", [hidden]
    yield model + "downsample.weight", [out, hidden, merge, merge]
    yield model + "downsample.bias", [out]
    yield model + "merger.proj.weight", [out, out]
    yield model + "merger.post_projection_norm.weight", [out]
    yield model + "merger.post_projection_norm.bias", [out]
    yield model + "merger.gate_proj.weight", [config["intermediate_size"], out]
    yield model + "merger.up_proj.weight", [config["intermediate_size"], out]
    yield model + "merger.down_proj.weight", [out, config["intermediate_size"]]


def split_shards(shapes: dict, max_bytes: int) -> list[dict]:
    """Tensors in order, a new shard where the next would make it larger than max_bytes."""
    shards, size = [{}], 0
    for name, shape in shapes.items():
        tensor_bytes = 2 * math.prod(shape)
        if shards[-1] and size + tensor_bytes > max_bytes:
            shards.append({})
            size = 0
        shards[-1][name] = shape
        size += tensor_bytes
    return shards


def shard_header(shard: dict) -> tuple[bytes, dict]:
    """The bytes before the tensors, and where each tensor begins in the file."""
    header, offsets, end = {"__metadata__": {"format": "pt"}}, {}, 0
    for name, shape in shard.items():
        begin, end = end, end + 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
        offsets[name] = begin
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    data = 8 + len(text)
    return struct.pack("<Q", len(text)) + text, {n: data + begin for n, begin in offsets.items()}


def scale_of(name: str, shape: list[int]) -> tuple[float, float]:
    """Mean and standard deviation of a tensor's values. What a layer adds is scaled down: at 1,
    forty layers leave little of a token in the residual, all positions get nearly the same logits
    and a greedy answer repeats one token."""
    if "post_self_attn_layernorm" in name or "post_mlp_layernorm" in name:
        return 0.2, 0.02
    if "norm" in name and name.endswith("weight"):
        return 1.0, 0.3
    if name.endswith("bias"):
        return 0.0, 0.1
    if "embed" in name and len(shape) == 2:
        return 0.0, 1.0
    gain = 4.0 if name == "lm_head.weight" else 1.3
    return 0.0, gain / math.sqrt(math.prod(shape[1:]))


def cpu_block(name: str, shape: list[int], seed: int, first: int, count: int) -> np.ndarray:
    """Values first to first + count of a tensor. bfloat16 is the upper half of float32."""
    mean, std = scale_of(name, shape)
    source = np.random.SFC64(np.random.SeedSequence([seed, zlib.crc32(name.encode()), first]))
    values = np.random.Generator(source).standard_normal(count, dtype=np.float32)
    values *= np.float32(std)
    values += np.float32(mean)
    return np.ascontiguousarray(values.astype("<f4", copy=False).view("<u2")[1::2])


def cuda_block(name: str, shape: list[int], seed: int, first: int, count: int) -> np.ndarray:
    import torch  # pylint: disable=import-outside-toplevel  # not needed without a GPU

    mean, std = scale_of(name, shape)
    source = torch.Generator("cuda").manual_seed(zlib.crc32(f"{seed} {name} {first}".encode()))
    values = torch.empty(count, device="cuda").normal_(mean, std, generator=source)
    return values.bfloat16().view(torch.int16).cpu().numpy()


def write_weights(folder: pathlib.Path, shapes: dict, seed: int, max_shard_bytes: int,
                  block_of=cpu_block) -> int:
    """The number of shards."""
    shards = split_shards(shapes, max_shard_bytes)
    weight_map, files = {}, []
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:

        def write(file: int, offset: int, name: str, first: int, count: int) -> None:
            data = block_of(name, shapes[name], seed, first, count)
            if os.pwrite(file, data, offset + 2 * first) != data.nbytes:
                raise OSError(f"{name} was not written as a whole")

        blocks = []
        for number, shard in enumerate(shards, start=1):
            file_name = f"model-{number:05}-of-{len(shards):05}.safetensors"
            header, offsets = shard_header(shard)
            files.append(os.open(folder / file_name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644))
            os.pwrite(files[-1], header, 0)
            for name, offset in offsets.items():
                weight_map[name] = file_name
                size = math.prod(shapes[name])
                blocks += [pool.submit(write, files[-1], offset, name, first,
                                       min(BLOCK, size - first)) for first in range(0, size, BLOCK)]
        for block in blocks:
            block.result()
    for file in files:
        os.close(file)
    total = sum(math.prod(shape) for shape in shapes.values())
    write_json(folder / "model.safetensors.index.json", {
        "metadata": {"total_parameters": total, "total_size": 2 * total},
        "weight_map": weight_map})
    return len(shards)


def write_json(path: pathlib.Path, value, indent: int | None = 2) -> None:
    path.write_text(json.dumps(value, indent=indent, ensure_ascii=False) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder, made if absent")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale-down", type=int, choices=[1, 2, 4], default=1,
                        help="divide widths, heads and layers; the vocabulary stays")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--longest-edge", type=int, default=9633792,
                        help="of preprocessor_config.json; 11760000 lets a page of 1036 x 5600 pass")
    parser.add_argument("--profile", type=pathlib.Path, help="becomes render_profile.json")
    args = parser.parse_args()
    start = time.monotonic()
    args.out.mkdir(parents=True, exist_ok=True)
    config = config_json(args.scale_down)
    write_json(args.out / "config.json", config)
    write_json(args.out / "generation_config.json", generation_config_json())
    write_json(args.out / "preprocessor_config.json", preprocessor_config_json(args.longest_edge))
    write_json(args.out / "tokenizer.json", synthetic_tokenizer.tokenizer_json(args.seed))
    write_json(args.out / "tokenizer_config.json", synthetic_tokenizer.tokenizer_config_json())
    if args.profile:
        shutil.copy(args.profile, args.out / "render_profile.json")
    shapes = dict([*text_shapes(config["text_config"]), *vision_shapes(config["vision_config"])])
    parameters = sum(math.prod(shape) for shape in shapes.values())
    if args.scale_down == 1 and parameters != NUM_PARAMETERS:
        raise SystemExit(f"{parameters} parameters; zai-org/Glyph has {NUM_PARAMETERS}")
    shards = write_weights(args.out, shapes, args.seed, 5 * 10**9 // args.scale_down**2,
                           cuda_block if args.device == "cuda" else cpu_block)
    print(f"{args.out}: {len(shapes)} tensors, {parameters:,} parameters, {shards} shards, "
          f"{time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    main()
