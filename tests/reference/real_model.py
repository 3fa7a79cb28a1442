#!/usr/bin/env python3
"""Checks glyph-generate against Hugging Face transformers on a real model: one command for an owner of
the weights of zai-org/Glyph.

    python3 tests/reference/real_model.py --model DIR --glyph-generate build/cuda/bin/glyph-generate \\
        --device cuda [--page P.png]... [--prompt TEXT]...
Each prompt is asked alone and about each page (by default two texts and a page of the repository).
glyph-generate answers first, then transformers computes the logits after the same ids, in bfloat16 and
in float32, and its own greedy answer. Needs what model/compare_with_transformers.py needs, and
4 bytes of memory on the device for each parameter. Exits with 1 unless in every case
- the prompt ids are equal,
- the logits are at most 1.5 times as far from float32 as those of transformers' bfloat16 (or within
  1e-4 of it, with --dtype float32),
- and each token chosen is float32's, or one whose float32 logit is within 2 bfloat16 steps of the top
  (after the model's repetition penalty).
The answers part where a tie fell differently; the table says after how many equal ids.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from PIL import Image
from transformers import AutoTokenizer, Glm4vForConditionalGeneration, Glm4vImageProcessor

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/reference/model"))

import compare_with_transformers as compare  # pylint: disable=wrong-import-position

PAGE = ROOT / "tests/golden/nano_samples/11_text_280.png"
PROMPTS = ["Read the page.", "Write three sentences about a harbour in winter."]
FACTOR = 1.5
FLOAT32_ERROR = 1e-4
TIE_STEPS = 2


class Case:
    """A prompt, what glyph-generate answered and what transformers makes of it."""

    def __init__(self, pages: list[pathlib.Path], prompt: str, args):
        self.name = f"{pages[0].name if pages else 'text'}: {prompt[:32]}"
        with tempfile.TemporaryDirectory() as folder:
            output, logits = pathlib.Path(folder, "out.json"), pathlib.Path(folder, "logits.npy")
            command = [args.glyph_generate, "--model", args.model, "--device", args.device,
                       "--dtype", args.dtype, "--prompt", prompt, "--logits", logits,
                       "--max-new-tokens", str(args.max_new_tokens)]
            for page in pages:
                command += ["--page", page]
            output.write_bytes(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            self.run = compare.Run("ours", output, logits)
        processor = Glm4vImageProcessor.from_pretrained(args.model)
        pixels = [Image.open(page).convert("RGB") for page in pages]
        self.images = dict(processor(images=pixels, return_tensors="pt")) if pages else {}
        text = compare.prompt_text(self.images, processor.merge_size, prompt)
        ids = AutoTokenizer.from_pretrained(args.model).encode(text, add_special_tokens=False)
        self.same_prompt = self.run.prompt_ids == ids
        self.answers, self.penalty = {}, 1.0

    def ask(self, model, type_name: str) -> None:
        model.model.rope_deltas = None
        self.answers[type_name] = compare.answers(model, [self.run], self.images)
        self.penalty = model.generation_config.repetition_penalty or 1.0

    def scores(self) -> np.ndarray:
        """What float32 chooses by: logits of tokens that were there before are penalised."""
        scores = self.answers["float32"]["logits"]["ours"].copy()
        for step, row in enumerate(scores):
            seen = list(set(self.run.prompt_ids + self.run.output_ids[:step]))
            row[seen] = np.where(row[seen] < 0, row[seen] * self.penalty, row[seen] / self.penalty)
        return scores

    def row(self, dtype: str) -> tuple[str, bool]:
        exact, half = (self.answers[t]["logits"]["ours"] for t in ("float32", "bfloat16"))
        ours, chosen = self.run.logits, self.run.output_ids
        error, theirs = relative(ours, exact), relative(half, exact)
        scores = self.scores()
        top = scores.max(1)
        behind = (top - scores[np.arange(len(chosen)), chosen]) / (
            np.spacing(np.abs(top), dtype=np.float32) * 2**16)
        near = FLOAT32_ERROR if dtype == "float32" else FACTOR * theirs
        good = self.same_prompt and error <= near and bool((behind <= TIE_STEPS).all())
        equal = [common(chosen, self.answers[t]["output_ids"]) for t in ("bfloat16", "float32")]
        return (f"| {self.name} | {len(self.run.prompt_ids)}{'' if self.same_prompt else ' DIFFER'} | "
                f"{error:.2e} | {theirs:.2e} | {behind.max():.1f} | {equal[0]}, {equal[1]} of "
                f"{len(chosen)} | {'yes' if good else 'NO'} |"), good


def relative(logits: np.ndarray, exact: np.ndarray) -> float:
    return float(np.linalg.norm(logits - exact) / np.linalg.norm(exact))


def common(a: list[int], b: list[int]) -> int:
    """Equal ids before the first that differ."""
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--glyph-generate", required=True)
    parser.add_argument("--device", choices=["cpu", "cuda"], default=compare.DEVICE)
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], default="bfloat16")
    parser.add_argument("--page", type=pathlib.Path, action="append")
    parser.add_argument("--prompt", action="append")
    parser.add_argument("--max-new-tokens", type=int, default=64)
    args = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    compare.DEVICE = args.device
    cases = [Case(pages, prompt, args) for prompt in args.prompt or PROMPTS
             for pages in [[], *([page] for page in args.page or [PAGE])]]
    for type_name in ("bfloat16", "float32"):
        model = Glm4vForConditionalGeneration.from_pretrained(
            args.model, dtype=compare.TYPES[type_name], attn_implementation="sdpa",
            device_map=args.device).eval()
        for case in cases:
            case.ask(model, type_name)
        del model  # before the next is loaded
    print("| case | prompt ids | error of logits | transformers bfloat16 | bfloat16 steps behind the "
          "top | ids equal to transformers bfloat16, float32 | passes |\n|---|---|---|---|---|---|---|")
    rows = [case.row(args.dtype) for case in cases]
    print("\n".join(text for text, _ in rows))
    return 0 if all(good for _, good in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
