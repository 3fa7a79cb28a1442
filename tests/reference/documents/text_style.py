"""How nano's render profile lays out text, told independently of render_service, so that the expected
transcriptions of tests/golden/documents do not come from the code under test.

Rules (deploy/models/nano/README.md, "Text style"): whole-pixel advances, lines of at most 476 px,
greedy wrap at spaces, the space at the break is dropped, 13 lines of 20 px on a page of 280 px.
"""
import pathlib
import struct

LINE_WIDTH_PX = 476
LINES_PER_PAGE = 13
_ATLAS = pathlib.Path(__file__).parents[1] / "nano_training" / "atlas.bin"
_ATLAS_BITMAP_BYTES = 24 * 24


def _advances():
    """Advance in px of every character nano reads, from the atlas it was trained with."""
    data = _ATLAS.read_bytes()
    (count,) = struct.unpack_from("<I", data, 0)
    table, offset = {}, 4
    for _ in range(count):
        code_point, advance = struct.unpack_from("<Ii", data, offset)
        table[chr(code_point)] = advance
        offset += 8 + _ATLAS_BITMAP_BYTES
    return table


ADVANCES = _advances()


def width_px(text):
    return sum(ADVANCES[character] for character in text)


def wrap_line(line):
    """Visual lines of one line of the source. A line that must be broken holds single spaces only,
    so that no reading of the wrap rule can differ."""
    if width_px(line) <= LINE_WIDTH_PX:
        return [line]
    words = line.split(" ")
    assert all(words), f"a long line with a run of spaces: {line}"
    visual = [words[0]]
    for word in words[1:]:
        if width_px(visual[-1] + " " + word) <= LINE_WIDTH_PX:
            visual[-1] += " " + word
        else:
            visual.append(word)
    assert all(width_px(part) <= LINE_WIDTH_PX for part in visual), f"a word wider than a line: {line}"
    return visual


def visual_lines(text):
    return [part for line in text.split("\n") for part in wrap_line(line)]


def page_height_px(num_lines):
    """Height of a page that holds a whole document: the smallest multiple of 28, 56 to 280."""
    return next(h for h in range(56, 281, 28) if (h - 14) // 20 >= num_lines)
