#!/usr/bin/env python3
"""Makes self_test.json of a model folder: what the reference answers to the prompt of glyph-vlm's
self-test, a blank page of 2 x 2 image tokens and a text.

Needs what make_goldens.py needs. Run from the repository root:
    python3 tests/reference/model/make_self_test.py deploy/models/nano "Find: KEY"
The tolerance of float32 is 1e-4 of the largest logit kept. That of bfloat16 is four times the
largest error of transformers' own bfloat16, which rounds more often than ours. A prompt
with a choice nearer to a tie than twice that is refused.
"""

import json
import pathlib
import sys

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer
from transformers import Glm4vForConditionalGeneration, Glm4vImageProcessor

from make_goldens import greedy, nano_prompt

STEPS = 4
TOP = 8
GRID = 2  # image tokens a side


def blank_page(folder: pathlib.Path) -> dict:
    processor = Glm4vImageProcessor.from_pretrained(folder)
    side = GRID * processor.patch_size * processor.merge_size
    return dict(processor(images=[Image.new("RGB", (side, side), "white")], do_resize=False,
                          return_tensors="pt"))


def logits_after(model, ids: list[int], images: dict) -> np.ndarray:
    """The logits of the last STEPS tokens of `ids`, [STEPS, vocab]."""
    input_ids = torch.tensor([ids])
    with torch.no_grad():
        out = model(input_ids=input_ids, attention_mask=torch.ones_like(input_ids),
                    mm_token_type_ids=(input_ids == model.config.image_token_id).int(), **images,
                    logits_to_keep=STEPS)
    return out.logits[0].float().numpy()


def rounded(value: float) -> float:
    return float(f"{value:.2g}")


def main() -> int:
    folder, text = pathlib.Path(sys.argv[1]), sys.argv[2]
    images = blank_page(folder)
    ids = nano_prompt(Tokenizer.from_file(str(folder / "tokenizer.json")), images, text)
    model = Glm4vForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    output, logits, _, _ = greedy(model, ids, images, STEPS)
    half = Glm4vForConditionalGeneration.from_pretrained(folder, dtype=torch.bfloat16).eval()
    top = np.argsort(-logits, axis=1, kind="stable")[:, :TOP]
    kept = np.take_along_axis(logits, top, axis=1)
    kept_half = np.take_along_axis(logits_after(half, ids + output[:-1], images), top, axis=1)
    error, largest = np.abs(kept_half - kept).max(), np.abs(kept).max()
    gap = (kept[:, 0] - kept[:, 1]).min()
    tolerance = {"float32": rounded(1e-4 * largest), "bfloat16": rounded(4 * error)}
    print(f"{len(ids)} prompt ids, output {output}, largest logit {largest:.3f}, smallest gap "
          f"{gap:.3f}, largest error of bfloat16 {error:.3f}")
    if gap < 2 * tolerance["bfloat16"]:
        print("a choice is too near to a tie; give another text", file=sys.stderr)
        return 1
    steps = [json.dumps({"ids": row.tolist(), "logits": [round(float(x), 5) for x in values]})
             for row, values in zip(top, kept)]
    (folder / "self_test.json").write_text(
        f'{{"text": {json.dumps(text)},\n "steps": [\n  ' + ",\n  ".join(steps)
        + f'],\n "tolerance": {json.dumps(tolerance)}}}\n')
    return 0


if __name__ == "__main__":
    sys.exit(main())
