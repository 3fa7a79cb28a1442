#!/usr/bin/env python3
"""Compares answers of glyph-generate with those of Hugging Face transformers on the same folder.

Needs torch, torchvision, transformers, Pillow, and accelerate where there is a GPU. For a folder
DIR and a page P, with any number of runs (a name, glyph-generate's output, its logits):
    glyph-generate --model DIR --page P --prompt T --max-new-tokens 8 --logits a.npy > a.json
    python3 tests/reference/model/compare_with_transformers.py --model DIR --page P --prompt T \
        --run float32 a.json a.npy [--run bfloat16 b.json b.npy]
A row compares the logits [steps, vocab] of one model with those of transformers in float32, after
the same ids: those of the run. "difference" is max |a - b| / max |b|, "mean" is the mean of
|a - b| / max |b|, "choices" the steps whose largest logit is the same. Exits with 1 where the
prompt ids or the answer in float32 are not those of transformers.
"""

import argparse
import json
import pathlib
import sys
import time

import numpy as np
import torch
from PIL import Image
from transformers import AutoTokenizer, Glm4vForConditionalGeneration, Glm4vImageProcessor

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Run:
    """What glyph-generate answered."""

    def __init__(self, name: str, output: str, logits: str):
        self.name = name
        answer = json.loads(pathlib.Path(output).read_text())
        self.prompt_ids, self.output_ids = answer["prompt_ids"], answer["output_ids"]
        self.logits = np.load(logits)


def prompt_text(images: dict, merge: int, text: str) -> str:
    """The chat template's user turn, a placeholder for each image token."""
    result = "[gMASK]<sop><|user|>\n"
    for grid in images.get("image_grid_thw", []):
        image_tokens = int(grid.prod()) // merge**2
        result += "<|begin_of_image|>" + "<|image|>" * image_tokens + "<|end_of_image|>"
    return result + text + "<|assistant|>\n"


def inputs_for(model, ids: list[int], images: dict) -> dict:
    input_ids = torch.tensor([ids], device=DEVICE)
    inputs = {"input_ids": input_ids, "attention_mask": torch.ones_like(input_ids)}
    if images:
        inputs.update({key: value.to(DEVICE) for key, value in images.items()})
        inputs["mm_token_type_ids"] = (input_ids == model.config.image_token_id).int()
    return inputs


@torch.no_grad()
def answers(model, runs: list[Run], images: dict) -> dict:
    """Greedy ids after the prompt, and the logits after the ids of each run."""
    prompt = runs[0].prompt_ids
    steps = max(len(run.output_ids) for run in runs)
    generated = model.generate(**inputs_for(model, prompt, images), max_new_tokens=steps,
                               do_sample=False, temperature=None, top_k=None, top_p=None)
    result = {"output_ids": generated[0, len(prompt):].tolist(), "logits": {}}
    for run in runs:
        inputs = inputs_for(model, run.prompt_ids + run.output_ids[:-1], images)
        logits = model(**inputs, logits_to_keep=len(run.output_ids)).logits[0]
        result["logits"][run.name] = logits.float().cpu().numpy()
    return result


def reference(folder: pathlib.Path, type_name: str, runs: list[Run], images: dict) -> dict:
    start = time.monotonic()
    placement = {"device_map": DEVICE} if DEVICE == "cuda" else {}
    model = Glm4vForConditionalGeneration.from_pretrained(
        folder, dtype=TYPES[type_name], **placement).eval()
    loaded = time.monotonic()
    result = answers(model, runs, images)
    print(f"transformers {type_name} on {DEVICE}: loaded in {loaded - start:.1f} s, "
          f"answered in {time.monotonic() - loaded:.1f} s", flush=True)
    return result


def row(name: str, logits: np.ndarray, expected: np.ndarray) -> str:
    difference = np.abs(logits - expected) / np.abs(expected).max()
    same = (logits.argmax(1) == expected.argmax(1)).sum()
    return (f"| {name} | {difference.max():.3e} | {difference.mean():.3e} | "
            f"{same} of {len(expected)} |")


def gap(logits: np.ndarray) -> float:
    """How near the nearest choice was to a tie, relative to the largest logit."""
    top = np.partition(logits, -2, axis=1)[:, -2:]
    return float((top[:, 1] - top[:, 0]).min() / np.abs(logits).max())


def print_table(runs: list[Run], answered: dict) -> None:
    print("| logits | difference | mean | choices |\n|---|---|---|---|")
    for run in runs:
        exact = answered["float32"]["logits"][run.name]
        print(row(f"glyph-generate {run.name}", run.logits, exact))
        print(row(f"transformers bfloat16, same ids ({run.name})",
                  answered["bfloat16"]["logits"][run.name], exact))
    for run in runs:
        exact = answered["float32"]["logits"][run.name]
        print(f"{run.name}: logits {exact.min():.2f} to {exact.max():.2f}, standard deviation "
              f"{exact.std():.2f}, smallest gap of a choice {gap(exact):.2e}")
        print(f"{run.name}: ids {run.output_ids}")
    for type_name, result in answered.items():
        print(f"transformers {type_name}: ids {result['output_ids']}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--page", action="append", default=[])
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--run", nargs=3, action="append", required=True,
                        metavar=("NAME", "JSON", "NPY"))
    args = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    runs = [Run(*run) for run in args.run]
    pages = [Image.open(page).convert("RGB") for page in args.page]
    processor = Glm4vImageProcessor.from_pretrained(args.model)
    images = dict(processor(images=pages, return_tensors="pt")) if pages else {}
    text = prompt_text(images, processor.merge_size, args.prompt)
    ids = AutoTokenizer.from_pretrained(args.model).encode(text, add_special_tokens=False)
    same_prompt = all(run.prompt_ids == ids for run in runs)
    print(f"prompt of {len(ids)} ids: {'the same' if same_prompt else 'DIFFERENT'}", flush=True)
    answered = {name: reference(args.model, name, runs, images) for name in ["bfloat16", "float32"]}
    print_table(runs, answered)
    exact_runs = [run for run in runs if run.name == "float32"]
    same_answer = all(run.output_ids == answered["float32"]["output_ids"] for run in exact_runs)
    return 0 if same_prompt and same_answer else 1


if __name__ == "__main__":
    sys.exit(main())
