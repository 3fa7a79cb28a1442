#!/usr/bin/env python3
"""Measures Hugging Face transformers and our bench on one GPU, beside what the GPU can do in the same
run.

    python3 tests/bench/gpu_side_by_side.py --model DIR [--ours BINARY] [--parts PART,...] [--out DIR]
Parts: ceilings, load, decode, batch, prefill, vision, images (the last six of transformers), ours; all
by default. A part that takes longer than --limit-s is given up, and so is what does not fit into the
memory; the rest goes on. Writes gpu.json and gpu.md to --out (tests/bench/results) after each part;
what gpu.json holds of the same GPU and versions is kept where it is not measured again.
--tiny dry-runs it with small sizes on any device.

BINARY, build/cuda/gpu/gpu_engine_bench, is called as `BINARY MODEL_DIR NAME...` and prints a JSON
object a line, as soon as it knows:
    {"name": "load", "ms": 900, "bytes": 20585554944}      weights on the device
    {"name": "ready", "ms": 1500}                          from the start of the process to serving
    {"name": "memory", "after_load_mib": .., "planned_mib": .., "peak_mib": .., "budget_mib": ..}
                                            last: the peak is that of everything before
    {"name": "decode_1x512", "ms": 6.5, "tokens_per_s": 153}    a step; also _1x7400, _1x21600,
                                            decode_64x768, decode_256x768 (BATCHxCONTEXT)
    {"name": "first_token_text_32768", "ms": ..}           also first_token_page (1036 x 5600 px and a
                                            question of 32 tokens), first_token_4_pages
    {"name": "first_token_page_again", "ms": ..}           the same page, another question
    {"name": "vision_page", "ms": ..}                      the encoder alone
    {"name": "images_8", "ms": ..}          first token of 8 images of 1280 x 3200 px in one request;
                                            images_8_single: the sum of 8 requests of one image
    {"name": "idle_1", "percent": ..}       of the GPU between decode steps, batch 1; idle_64: batch 64
"""

import argparse
import json
import pathlib
import signal
import subprocess
import sys

import torch

import gpu_ceilings
from gpu_report import Results
from gpu_transformers import HuggingFace
from gpu_workloads import Cost, Decode, Vision, workloads

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARTS = ["ceilings", "load", "decode", "batch", "prefill", "vision", "images", "ours"]
OURS_ALONE = ["load", "ready", "first_token_page_again", "idle_1", "idle_64", "memory"]


def part_of(name: str, work) -> str:
    if isinstance(work, Decode):
        return "decode" if work.batch == 1 else "batch"
    return "images" if name.startswith("images") else (
        "vision" if isinstance(work, Vision) else "prefill")


class Limit:
    """Raises TimeoutError inside a `with` that lasts longer."""

    def __init__(self, seconds: float):
        self.seconds = seconds

    def __enter__(self):
        def give_up(*_):
            raise TimeoutError(f"not within {self.seconds} s")

        signal.signal(signal.SIGALRM, give_up)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def __exit__(self, *_):
        signal.setitimer(signal.ITIMER_REAL, 0)


def attempt(results: Results, group: str, name: str, measure) -> None:
    """A measurement that does not fit the memory leaves its error; a late one ends its part."""
    try:
        results.put(group, name, measure())
    except TimeoutError as error:
        results.put(group, name, {"error": str(error)})
        raise
    except (RuntimeError, ValueError) as error:  # torch.OutOfMemoryError is a RuntimeError
        results.put(group, name, {"error": str(error).splitlines()[0]})


def run_part(results: Results, part: str, hugging_face: HuggingFace | None, args) -> None:
    with Limit(args.limit_s):
        if part == "ceilings":
            for name, value in gpu_ceilings.measure(results.cost, results.works, args.tiny):
                results.put("ceilings", name, value)
        elif part == "load":
            attempt(results, "transformers", "load", hugging_face.loaded)
        else:
            for name, work in results.works.items():
                if part_of(name, work) == part:
                    attempt(results, "transformers", name, lambda work=work:
                            hugging_face.measure(work))


def run_ours(results: Results, args) -> None:
    names = [name for name in [*OURS_ALONE[:2], *results.works, *OURS_ALONE[2:]]
             if not args.names or name in args.names.split(",")]
    output = args.out / "ours.jsonl"
    with open(output, "w", encoding="utf-8") as file:
        try:
            status = subprocess.run([args.ours, args.model, *names], stdout=file, check=False,
                                    timeout=args.limit_s).returncode
        except subprocess.TimeoutExpired:
            status = f"given up after {args.limit_s} s"
    if status != 0:
        print(f"{args.ours}: {status}; what it printed counts", file=sys.stderr)
    for line in output.read_text(encoding="utf-8").splitlines():
        try:
            value = json.loads(line)
            results.put("ours", value.pop("name"), value)
        except (ValueError, KeyError, AttributeError):
            print(f"no measurement: {line}", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--ours", help="our bench; without it the part is skipped")
    parser.add_argument("--names", help="of ours, with commas; all by default")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "tests/bench/results")
    parser.add_argument("--limit-s", type=float, default=120, help="of a part")
    parser.add_argument("--tiny", action="store_true")
    args = parser.parse_args()
    parts = args.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    results = Results(args.out, Cost(args.model), workloads(args.tiny))
    hugging_face, late = None, []
    for part in [p for p in PARTS[:-1] if p in parts]:
        try:
            if part != "ceilings" and not hugging_face:
                with Limit(args.limit_s):
                    hugging_face = HuggingFace(args.model)
            run_part(results, part, hugging_face, args)
        except TimeoutError as error:
            late.append(f"{part}: {error}")
        results.write()
    if "ours" in parts and args.ours:
        del hugging_face
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        run_ours(results, args)
    results.write()
    print(f"\n{results.table()}\n\n{results.notes()}")
    for line in late:
        print(line, file=sys.stderr)
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
