"""Compares the pages of the profile glyph-upstream with those of zai-org/Glyph's own renderer, both
drawn with the profile's fonts.

    apt-get install poppler-utils fonts-noto-cjk
    python3 -m venv V && V/bin/pip install -r tests/reference/render/requirements.txt
    git clone https://github.com/zai-org/Glyph
    cmake --build --preset release --target render_pages
    V/bin/python tests/reference/render/compare_with_upstream.py --clone Glyph \\
        --renderer build/release/tests/render_pages

Prints a table and fails when fewer than 99 % of the lines hold the same characters at the same place,
each glyph within 1 px, a page's structural similarity after Hugging Face's resize is below 0.95, or a
page has another size than upstream's give or take 1 px.
"""
import argparse
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
from PIL import Image
from scipy.ndimage import gaussian_filter

from upstream_recipe import Upstream, as_truetype, has_han

FONTS = pathlib.Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
FACE, HAN_FACE = 2, 7
GRID = 28
PROFILE = pathlib.Path(__file__).parents[3] / "render_service/layout/profiles/glyph-upstream.json"


def structural_similarity(a, b):
    """Wang et al. 2004: Gaussian window of sigma 1.5, mean over the page."""
    a, b = (numpy.asarray(image, dtype=numpy.float64) for image in (a, b))

    def blur(image):
        return gaussian_filter(image, 1.5, truncate=3.5)

    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)
            / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean()


def on_grid(image, size):
    return image.resize([max(GRID, round(side / GRID) * GRID) for side in size], Image.BICUBIC)


def visible(text):
    """What upstream draws of `text`, which shows its line ends."""
    return "".join(c for c in text.replace("\n", r"\n") if not c.isspace() and c not in "\u00ad\u200b")


def own_text(source, line):
    """The characters of our line. A newline mark stands for a byte that may belong to the line before
    or after it, so the one that comes to as many glyphs is taken."""
    begin, end = line["begin"], line["end"]
    texts = [visible(source[first:last].decode())
             for first in (begin, begin - 1) for last in (end, end - 1)
             if (first == begin or source[first:begin] == b"\n")
             and (last == end or source[last:end] == b"\n")]
    return next((text for text in texts if len(text) == len(line["pens"])), texts[0])


def draw(renderer, text, folder, newline_mark):
    path = folder / "text"
    path.write_text(text, newline="")
    profile = json.loads(PROFILE.read_text()) | {"newline_mark": newline_mark}
    (folder / "profile.json").write_text(json.dumps(profile))
    subprocess.run([renderer, "--text", path, "--output", folder, "--profile",
                    folder / "profile.json"], check=True, stdout=subprocess.DEVNULL)
    pages = [Image.open(page).copy() for page in sorted(folder.glob("page_*.pgm"))]
    source = text.encode()
    lines = [[(own_text(source, line), line["pens"]) for line in page]
             for page in json.loads((folder / "lines.json").read_text())]
    return pages, lines


def distance(line, text, pens):
    """px between the glyphs of upstream's line and ours; infinite for other characters."""
    # What the font lacks is U+0000 in a PDF of reportlab's.
    if not len(text) == len(pens) == len(line) or any(
            theirs not in (own, "\0") for own, (theirs, _, _) in zip(text, line)):
        return float("inf")
    return max(max(abs(x - pen[0]), abs(y - pen[1])) for (_, x, y), pen in zip(line, pens))


def compare_lines(ours, theirs):
    """Upstream's lines that ours has too, glyphs within 1 px; their number; the largest distance."""
    distances = []
    for i, page in enumerate(theirs):
        own = {round(pens[0][1]): (text, pens) for text, pens in ours[i] if pens} if i < len(ours) else {}
        distances += [distance(line, *own.get(round(line[0][2]), ("", []))) for line in page]
    equal = [value for value in distances if value <= 1]
    return len(equal), len(distances), max(equal, default=0)


def compare(upstream, renderer, name, text, newline_mark):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        font = folder / f"{name}.ttf"
        as_truetype(FONTS, HAN_FACE if has_han(text) else FACE, text, font)
        theirs, _ = upstream.render(text, font, newline_mark)
        ours, lines = draw(renderer, text, folder, newline_mark)
    num_equal, num_lines, furthest = compare_lines(lines, upstream.lines())
    similarity = min(structural_similarity(on_grid(a, b.size), on_grid(b, b.size))
                     for a, b in zip(ours, theirs))
    sizes = len(ours) == len(theirs) and all(
        max(abs(a.width - b.width), abs(a.height - b.height)) <= 1 for a, b in zip(ours, theirs))
    passed = num_equal >= 0.99 * num_lines and similarity >= 0.95 and sizes
    print(f"{name:14} {len(text):7,} {len(ours):3}/{len(theirs):<3} {num_lines:5} "
          f"{100 * num_equal / num_lines:6.2f} {furthest:6.2f} {similarity:6.3f} "
          f"{'equal' if sizes else 'DIFFER':6} {'ok' if passed else 'FAILED'}", flush=True)
    return passed


def write_golden(upstream, paths, golden):
    """For tests/render_service/pipeline/upstream_pages_test.cc."""
    documents = []
    for path, newline_mark in itertools.product(paths, (False, True)):
        text = path.read_text()
        with tempfile.TemporaryDirectory() as folder:
            font = pathlib.Path(folder) / f"{path.stem}.ttf"
            as_truetype(FONTS, HAN_FACE if has_han(text) else FACE, text, font)
            images, _ = upstream.render(text, font, newline_mark)
        pages = [{"width": image.width, "height": image.height,
                  "lines": [["".join(c for c, _, _ in line), [round(x, 2) for _, x, _ in line],
                             round(line[0][2])] for line in page]}
                 for image, page in zip(images, upstream.lines())]
        documents.append({"name": path.stem, "newline_mark": newline_mark, "text": text,
                          "pages": pages})
    golden.write_text("[" + ",\n".join(json.dumps(d, separators=(",", ":")) for d in documents) + "]\n")
    return 0


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--clone", required=True)
    arguments.add_argument("--renderer", required=True, type=pathlib.Path)
    arguments.add_argument("--golden", type=pathlib.Path,
                           help="writes upstream's lines of the texts in this folder to this file")
    arguments.add_argument("--newline-mark", action="store_true",
                           help="upstream's red mark in the place of line ends")
    arguments.add_argument("texts", nargs="*", type=pathlib.Path)
    args = arguments.parse_args()
    here = pathlib.Path(__file__).parent
    examples = pathlib.Path(args.clone) / "demo" / "examples"
    own = [here / "odd_lines.txt", here / "mixed_zh.txt"]
    texts = args.texts or [examples / "case1.txt", examples / "case2.txt", *own]
    upstream = Upstream(args.clone)
    if args.golden:
        return write_golden(upstream, own, args.golden)
    print("document    characters pages lines  equal   px    SSIM  sizes")
    return 0 if all([compare(upstream, args.renderer.resolve(), path.stem, path.read_text(),
                             args.newline_mark)
                     for path in texts]) else 1


if __name__ == "__main__":
    sys.exit(main())
