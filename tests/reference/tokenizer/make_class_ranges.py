"""Writes vlm_service/tokenizer/class_ranges.inc: the character classes of the `tokenizers` library.

The library's regex engines carry their own Unicode tables, so the classes are asked of the library
itself, one code point at a time: \\p{L}, \\p{N} and \\s through Split, \\w through an added token
with single_word.

    python3 make_class_ranges.py > vlm_service/tokenizer/class_ranges.inc
"""

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers

LETTER, NUMBER, SPACE, WORD = 1, 2, 4, 8
BLOCK = 4096  # code points asked for at once
RANGES_PER_LINE = 3


def code_points():
    return [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def members_of(pattern):
    """Code points a regular expression of one character matches."""
    split = pre_tokenizers.Split(Regex(pattern), "removed")
    every = code_points()
    members = set()
    for begin in range(0, len(every), BLOCK):
        block = every[begin:begin + BLOCK]
        pieces = split.pre_tokenize_str("".join(map(chr, block)))
        kept = {ord(c) for piece, _ in pieces for c in piece}
        members.update(c for c in block if c not in kept)
    return members


def word_members():
    """Code points before which a token with single_word does not match."""
    tokenizer = Tokenizer(models.BPE(vocab={}, merges=[]))
    tokenizer.add_tokens([AddedToken("\ue000", single_word=True, normalized=False)])
    every = code_points()
    members = set()
    for begin in range(0, len(every), BLOCK):
        block = every[begin:begin + BLOCK]
        encodings = tokenizer.encode_batch(["\ue000" + chr(c) for c in block])
        members.update(c for c, e in zip(block, encodings) if len(e.ids) == 0)
    return members - {0xE000}


def main():
    classes = [0] * 0x110000
    for bit, members in ((LETTER, members_of(r"\p{L}")), (NUMBER, members_of(r"\p{N}")),
                         (SPACE, members_of(r"\s")), (WORD, word_members())):
        for c in members:
            classes[c] |= bit
    ranges = []
    for c, bits in enumerate(classes):
        if bits == 0:
            continue
        if ranges and ranges[-1][1] == c - 1 and ranges[-1][2] == bits:
            ranges[-1][1] = c
        else:
            ranges.append([c, c, bits])
    print(f"// tokenizers {tokenizers.__version__}: first, last, CharClass bits.")
    print("// clang-format off")
    cells = [f"{{0x{first:X}, 0x{last:X}, {bits}}}," for first, last, bits in ranges]
    for begin in range(0, len(cells), RANGES_PER_LINE):
        print(" ".join(cells[begin:begin + RANGES_PER_LINE]))
    print("// clang-format on")


if __name__ == "__main__":
    main()
