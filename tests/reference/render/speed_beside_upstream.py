"""Times the profile glyph-upstream beside zai-org/Glyph's own renderer: characters a second of
processor time, from text to pages that a model's processor can take. Set up as
compare_with_upstream.py:

    V/bin/python tests/reference/render/speed_beside_upstream.py --clone Glyph \\
        --renderer build/release/tests/render_pages

The texts are upstream's three samples of 16, 146 and 243 thousand characters, drawn in one process
each with the font upstream takes for them. Fails when one is drawn less than 200 times as fast.
"""
import argparse
import json
import pathlib
import subprocess
import sys

from upstream_recipe import Upstream

LEAST_RATIO = 200
# The first drawing of ours learns the glyphs, as a worker does once; the fastest of these counts.
DRAWINGS = 20


def own_speed(renderer, path):
    result = subprocess.run([renderer, "--text", path, "--repeat", str(DRAWINGS)], check=True,
                            stdout=subprocess.PIPE)
    measured = json.loads(result.stdout)
    return measured["characters"] / measured["seconds"]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--clone", required=True)
    arguments.add_argument("--renderer", required=True, type=pathlib.Path)
    arguments.add_argument("--font", type=pathlib.Path, help="in the place of upstream's")
    args = arguments.parse_args()
    upstream = Upstream(args.clone)
    is_fast = True
    print("text    characters  upstream/s       ours/s  ratio")
    for name in ("case1", "case2", "case3"):
        path = pathlib.Path(args.clone) / "demo" / "examples" / f"{name}.txt"
        text = path.read_text()
        theirs = max(len(text) / upstream.render(text, args.font)[1] for _ in range(2))
        ours = own_speed(args.renderer.resolve(), path)
        is_fast &= ours >= LEAST_RATIO * theirs
        print(f"{name:8}{len(text):10,}{theirs:12,.0f}{ours:13,.0f}{ours / theirs:7.0f}", flush=True)
    return 0 if is_fast else 1


if __name__ == "__main__":
    sys.exit(main())
