#!/usr/bin/env python3
"""Compares arrays of ours with those of gpu_reference.py. Needs numpy only.

    python3 tests/reference/model/compare_with_reference.py REF OURS
OURS holds CASE/NAME.npy of float32 with the shapes of REF/CASE/TYPE/NAME.npy, for any of the names
hidden, logits, vision_hidden and vision; also choices to hold against text/TYPE/forced_ids.npy:
text/forced_ids.npy of one long chunk and text/decoded_ids.npy of decode steps. A row gives
||x - float32|| / ||float32|| of an array (of hidden states for each layer, the worst is printed) for
ours and for transformers in bfloat16. Exits with 1 where ours is more than --factor (1.5) times
theirs, holds NaN, or chose another token where transformers' float32 was sure of it: by more than
--ties (2) bfloat16 steps of the top logit.
"""

import argparse
import pathlib
import sys

import numpy as np

ARRAYS = {"hidden", "logits", "vision_hidden", "vision"}
LAYERED = {"hidden", "vision_hidden"}
CHOICES = {"forced_ids", "decoded_ids"}
FLOOR = 1e-4  # below it an error says nothing: both are nearly exact


def errors(values: np.ndarray, exact: np.ndarray, layered: bool) -> np.ndarray:
    """Relative errors; of layers one each."""
    shape = (len(exact), -1) if layered else (1, -1)
    values, exact = (a.reshape(shape).astype(np.float64) for a in (values, exact))
    return np.linalg.norm(values - exact, axis=1) / np.linalg.norm(exact, axis=1)


def compare_array(name: str, ours: np.ndarray, folder: pathlib.Path, factor: float) -> bool:
    half, exact = (np.load(folder / t / f"{name}.npy") for t in ["bfloat16", "float32"])
    if ours.shape != exact.shape:
        print(f"| {folder.name} {name} | shape {ours.shape}, not {exact.shape} | | | |")
        return False
    mine, theirs = (errors(a, exact, name in LAYERED) for a in (ours, half))
    ratios = mine / np.maximum(theirs, FLOOR)
    worst = int(np.argmax(np.nan_to_num(ratios, nan=np.inf)))
    good = bool(np.all(ratios <= factor))  # NaN is not
    place = f", entry {worst} of {len(mine)}" if name in LAYERED else ""
    print(f"| {folder.name} {name}{place} | {mine[worst]:.3e} | {theirs[worst]:.3e} | "
          f"{ratios[worst]:.2f} | {'yes' if good else 'NO'} |")
    return good


def compare_choices(name: str, ours: np.ndarray, folder: pathlib.Path, ties: float) -> bool:
    exact, half = (np.load(folder / t / "forced_ids.npy") for t in ["float32", "bfloat16"])
    top = np.load(folder / "float32/forced_top.npy")
    margin = np.load(folder / "float32/forced_margin.npy")
    sure = margin > ties * np.spacing(np.abs(top), dtype=np.float32) * 2**16
    wrong = np.flatnonzero((ours != exact) & sure)
    print(f"| {folder.name} {name} that differ, of {len(exact)} | {(ours != exact).sum()} | "
          f"{(half != exact).sum()} | {len(wrong)} not near a tie | {'NO' if len(wrong) else 'yes'} |")
    return len(wrong) == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("reference", type=pathlib.Path)
    parser.add_argument("ours", type=pathlib.Path)
    parser.add_argument("--factor", type=float, default=1.5)
    parser.add_argument("--ties", type=float, default=2.0)
    args = parser.parse_args()
    print("| array | ours | transformers bfloat16 | ratio | passes |\n|---|---|---|---|---|")
    results = []
    for path in sorted(args.ours.glob("*/*.npy")):
        folder = args.reference / path.parent.name
        if path.stem in CHOICES:
            results.append(compare_choices(path.stem, np.load(path), folder, args.ties))
        elif path.stem in ARRAYS:
            results.append(compare_array(path.stem, np.load(path), folder, args.factor))
    if not results:
        print(f"{args.ours} holds no array of {args.reference}", file=sys.stderr)
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
