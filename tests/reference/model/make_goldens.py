#!/usr/bin/env python3
"""Makes tests/golden/model: what Hugging Face answers, for the parity tests of vlm_service/model.

Needs torch==2.11.0, torchvision==0.26.0, transformers==5.17.0, safetensors, tokenizers, Pillow and
the unpacked deploy/models/nano. Run from the repository root:
    python3 tests/reference/model/make_goldens.py [random] [nano] [preprocessing] [png]
Everything is deterministic: on one machine a second run changes no byte.
"""

import copy
import hashlib
import json
import pathlib
import random
import sys
import tempfile

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import Glm4vConfig, Glm4vForConditionalGeneration, Glm4vImageProcessor

import synthetic_checkpoint as synthetic
from random_configs import MODELS

ROOT = pathlib.Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests/golden/model"
NANO = ROOT / "deploy/models/nano"
SAMPLES = ROOT / "tests/golden/nano_samples"
TORCH_TYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
STEPS = 65  # the prefill's token and 64 greedy steps
# A choice nearer to a tie than this, relative to the largest logit, says nothing about parity: such
# a random prompt is drawn again.
MIN_GAP = 1e-4


def write_json(path: pathlib.Path, value) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")


def compact_json(path: pathlib.Path, rows: list) -> None:
    path.write_text("[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows) + "\n]\n")


def greedy(model, ids: list[int], images: dict, steps: int, eos=None):
    """Output ids, their logits [steps, vocab], positions [3, prompt], next position."""
    input_ids = torch.tensor([ids])
    inputs = dict(input_ids=input_ids, attention_mask=torch.ones_like(input_ids))
    token_types = (input_ids == model.config.image_token_id).int()
    if images:
        inputs.update(images, mm_token_type_ids=token_types)
    with torch.no_grad():
        out = model.generate(**inputs, max_new_tokens=steps, do_sample=False, eos_token_id=eos,
                             pad_token_id=0, output_logits=True, return_dict_in_generate=True)
    positions, delta = model.model.get_rope_index(
        input_ids, token_types, images.get("image_grid_thw"))
    logits = torch.stack([row[0].float() for row in out.logits]).numpy()
    return (out.sequences[0, len(ids):].tolist(), logits, positions[:, 0].int(),
            len(ids) + int(delta))


def smallest_gap(logits: np.ndarray) -> float:
    top = np.sort(logits, axis=1)
    return float(((top[:, -1] - top[:, -2]) / max(np.abs(logits).max(), 1e-9)).min())


def encode(processor, pages: list[Image.Image]) -> dict:
    return dict(processor(images=pages, return_tensors="pt")) if pages else {}


def prompt_of(config, images: dict, text: list[int]) -> list[int]:
    """Template tokens do not matter to a random model: two of them, the pages, the text."""
    cells = config.vision_config.spatial_merge_size ** 2
    ids = [2, 3]
    for grid in images.get("image_grid_thw", []):
        ids += [config.image_start_token_id]
        ids += [config.image_token_id] * (int(grid.prod()) // cells)
        ids += [config.image_end_token_id]
    return ids + text


def build_model(name: str, spec: dict, seed: int, folder: pathlib.Path):
    """Writes config.json, preprocessor_config.json and tensors.json; returns Hugging Face's model,
    loaded from a complete checkpoint, and its image processor."""
    vision = spec["config"]["vision_config"]
    preprocessor = {
        "image_processor_type": "Glm4vImageProcessor", "patch_size": vision["patch_size"],
        "merge_size": vision["spatial_merge_size"],
        "temporal_patch_size": vision["temporal_patch_size"],
        "size": {"shortest_edge": 3000, "longest_edge": 60000},
    }
    write_json(folder / "config.json", spec["config"])
    write_json(folder / "preprocessor_config.json", preprocessor)
    skeleton = Glm4vForConditionalGeneration(Glm4vConfig.from_pretrained(folder))
    names = sorted(k for k in skeleton.state_dict() if not (
        k == "lm_head.weight" and skeleton.config.tie_word_embeddings))
    tensors = []
    for index, key in enumerate(names):
        tensor = synthetic.describe(key, list(skeleton.state_dict()[key].shape),
                                    skeleton.config.tie_word_embeddings)
        if spec.get("base_names"):
            tensor["name"] = key.removeprefix("model.")
        tensors.append({**tensor, "shard": index % spec["shards"]})
    write_json(folder / "tensors.json",
               {"seed": seed, "dtype": spec["dtype"], "shards": spec["shards"], "tensors": tensors})
    with tempfile.TemporaryDirectory() as temp:
        save_checkpoint(pathlib.Path(temp), folder, tensors, spec, seed)
        model = Glm4vForConditionalGeneration.from_pretrained(temp, dtype=torch.float32).eval()
    processor = Glm4vImageProcessor.from_pretrained(folder)
    return model, processor


def save_checkpoint(temp: pathlib.Path, folder: pathlib.Path, tensors: list[dict], spec: dict,
                    seed: int) -> None:
    (temp / "config.json").write_text((folder / "config.json").read_text())
    state = {t["name"]: torch.from_numpy(synthetic.values(t, seed)).to(TORCH_TYPES[spec["dtype"]])
             for t in tensors}
    if spec["shards"] == 1:
        save_file(state, temp / "model.safetensors", metadata={"format": "pt"})
        return
    weight_map = {}
    for shard in range(spec["shards"]):
        file = f"model-{shard + 1:05}-of-{spec['shards']:05}.safetensors"
        part = {t["name"]: state[t["name"]] for t in tensors if t["shard"] == shard}
        save_file(part, temp / file, metadata={"format": "pt"})
        weight_map.update({key: file for key in part})
    write_json(temp / "model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})


def make_random() -> None:
    for seed, (name, spec) in enumerate(MODELS.items(), start=1):
        folder = GOLDEN / name
        model, processor = build_model(name, spec, seed, folder)
        bf16_model = copy.deepcopy(model).to(torch.bfloat16)
        rng = random.Random(seed)
        reference = {}
        for case, sizes in enumerate(spec["cases"]):
            pages = [Image.fromarray(synthetic.pixels(f"case{case}.page{i}", seed, w, h))
                     for i, (w, h) in enumerate(sizes)]
            images = encode(processor, pages)
            logits = np.zeros((1, 2), np.float32)
            while smallest_gap(logits) < MIN_GAP:
                text = [rng.randrange(12, model.config.text_config.vocab_size) for _ in range(9)]
                ids = prompt_of(model.config, images, text)
                output, logits, positions, next_position = greedy(model, ids, images, STEPS)
            key = f"case{case}."
            reference[key + "page_sizes"] = torch.tensor(sizes, dtype=torch.int32).reshape(-1, 2)
            reference[key + "prompt_ids"] = torch.tensor(ids, dtype=torch.int32)
            reference[key + "positions"] = positions.contiguous()
            reference[key + "next_position"] = torch.tensor([next_position], dtype=torch.int32)
            reference[key + "output_ids"] = torch.tensor(output, dtype=torch.int32)
            reference[key + "logits"] = torch.from_numpy(logits)
            reference[key + "bf16_logits"] = torch.from_numpy(
                greedy(bf16_model, ids, images, 1)[1])
            print(name, case, len(ids), "tokens", "gap", smallest_gap(logits),
                  "distinct", len(set(output)))
        (folder / "reference").mkdir(exist_ok=True)
        save_file(reference, folder / "reference/model.safetensors")
        compact_json(folder / "random_prompts.json", random_prompts(model, rng))


def random_prompts(model, rng: random.Random, count: int = 20, steps: int = 32) -> list:
    rows = []
    while len(rows) < count:
        ids = [rng.randrange(12, model.config.text_config.vocab_size)
               for _ in range(rng.randrange(1, 60))]
        output, logits, _, _ = greedy(model, ids, {}, steps)
        if smallest_gap(logits) >= MIN_GAP:
            rows.append({"prompt_ids": ids, "output_ids": output})
        else:
            print("  drawn again, gap", smallest_gap(logits))
    return rows


def nano_prompt(tokenizer: Tokenizer, images: dict, text: str) -> list[int]:
    head = "[gMASK]<sop><|user|>\n"
    for grid in images.get("image_grid_thw", []):
        head += "<|begin_of_image|>" + "<|image|>" * (int(grid.prod()) // 4) + "<|end_of_image|>"
    parts = [head, text, "<|assistant|>\n"]
    return [i for part in parts for i in tokenizer.encode(part, add_special_tokens=False).ids]


def make_nano() -> None:
    model = Glm4vForConditionalGeneration.from_pretrained(NANO, dtype=torch.float32).eval()
    processor = Glm4vImageProcessor.from_pretrained(NANO)
    tokenizer = Tokenizer.from_file(str(NANO / "tokenizer.json"))
    eos = [256, 263]
    samples = json.loads((SAMPLES / "pages.json").read_text())
    rows = []
    for sample in samples:
        images = encode(processor, [Image.open(SAMPLES / f).convert("RGB")
                                    for f in sample["images"]])
        ids = nano_prompt(tokenizer, images, sample["prompt"])
        output, logits, _, _ = greedy(model, ids, images, 1024, eos)
        rows.append({"name": sample["name"], "output_ids": output})
        print(sample["name"], len(output), "gap", smallest_gap(logits),
              bytes(i for i in output if i < 256).decode() == sample["text"], flush=True)
    compact_json(GOLDEN / "nano_samples.json", rows)
    rng = random.Random(7)
    rows = []
    singles = [s for s in samples if len(s["images"]) == 1 and "56" in s["name"]]
    while len(rows) < 100:
        page = rng.choice(singles)["images"][0] if rng.random() < 0.3 else None
        images = encode(processor, [Image.open(SAMPLES / page).convert("RGB")] if page else [])
        text = "".join(chr(rng.randrange(32, 127)) for _ in range(rng.randrange(1, 80)))
        ids = nano_prompt(tokenizer, images, text)
        output, logits, _, _ = greedy(model, ids, images, 24, eos)
        if smallest_gap(logits) >= MIN_GAP:
            rows.append({"page": page, "text": text, "prompt_ids": ids, "output_ids": output})
        else:
            print("  drawn again, gap", smallest_gap(logits))
    compact_json(GOLDEN / "nano_random_prompts.json", rows)


def make_preprocessing() -> None:
    """Digests of Hugging Face's float32 patches for uploads of many sizes."""
    rows = []
    for size in [None, {"shortest_edge": 12544, "longest_edge": 9633792},
                 {"shortest_edge": 3136, "longest_edge": 40000}]:
        processor = Glm4vImageProcessor(**({"size": size} if size else {}))
        for width, height in [(1, 1), (5, 200), (28, 28), (29, 27), (112, 112), (113, 111),
                              (333, 97), (532, 280), (640, 481), (1, 150), (901, 1203),
                              (250, 13)]:
            rgb = synthetic.pixels("upload", 11, width, height)
            for mode, page in [("RGB", rgb), ("L", rgb[:, :, 0].copy())]:
                out = processor(images=[Image.fromarray(page, mode)], return_tensors="pt")
                patches = out["pixel_values"].contiguous().numpy()
                rows.append({
                    "size": size, "width": width, "height": height, "mode": mode,
                    "grid": [int(x) // 2 for x in out["image_grid_thw"][0][1:]],
                    "sha256": hashlib.sha256(patches.tobytes()).hexdigest(),
                })
    compact_json(GOLDEN / "preprocessing.json", rows)


def make_png() -> None:
    """Small PNGs of every kind and what PIL's convert("RGB") makes of them."""
    folder = GOLDEN / "png"
    folder.mkdir(exist_ok=True)
    rgb = Image.fromarray(synthetic.pixels("png", 5, 7, 5))
    palette = rgb.quantize(6)
    alpha = rgb.convert("L")
    with_alpha = rgb.copy()
    with_alpha.putalpha(alpha)
    images = {
        "gray": (rgb.convert("L"), {}),
        "gray_alpha": (with_alpha.convert("LA"), {}),
        "one_bit": (rgb.convert("1"), {}),
        "palette": (palette, {}),
        "palette_two_bits": (rgb.quantize(4), {"bits": 2}),
        "palette_transparent": (palette, {"transparency": 2}),
        "rgb": (rgb, {}),
        "rgb_transparent": (rgb, {"transparency": (1, 2, 3)}),
        "rgba": (with_alpha, {}),
    }
    rows = []
    for name, (image, options) in images.items():
        image.save(folder / f"{name}.png", **options)
        pixels = Image.open(folder / f"{name}.png").convert("RGB").tobytes()
        rows.append({"file": f"{name}.png", "rgb": list(pixels)})
    Image.fromarray(np.arange(35, dtype=np.uint16).reshape(5, 7) * 999).save(folder / "gray16.png")
    compact_json(folder / "expected.json", rows)


if __name__ == "__main__":
    torch.manual_seed(0)
    makers = {"random": make_random, "nano": make_nano, "preprocessing": make_preprocessing,
              "png": make_png}
    for part in sys.argv[1:] or makers:
        makers[part]()
