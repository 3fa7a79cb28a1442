"""Random and adversarial strings for tokenizers, from one seeded generator."""

import random

SPACES = [chr(c) for c in (0x9, 0xA, 0xB, 0xC, 0xD, 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B),
                           0x2028, 0x2029, 0x202F, 0x205F, 0x3000)]
CONTRACTIONS = ["'s", "'S", "'t", "'T", "'re", "'RE", "'rE", "'ve", "'Ve", "'m", "'ll", "'lL", "'d",
                "'D", "'\u017f", "'\u212a", "'l", "'r", "'v", "''", "'x", "\u2019s", "'1", "' s"]
DIGITS = [chr(c) for c in (*range(0x30, 0x3A), 0xB2, 0xBD, 0x661, 0x967, 0x2167, 0x3007, 0x3192,
                           0xFF11, 0x1D7D9, 0x1F101)]
EMOJI = ["\U0001F600", "\U0001F468\u200d\U0001F469\u200d\U0001F467", "\U0001F1E9\U0001F1EA", "❤️",
         "\U0001F44D\U0001F3FD", "\u200d", "\ufe0f", "e\u0301", "\u0301\u0301", "\u202e"]
CODE = ["if (x)", "{", "}", "\n    ", "\t", "//", "!=", "->", "0x1F", "_a", "::", "();\r\n", '"', "\\",
        "#include <a>", "...", "===", "  "]
# First and last letters of scripts whose words the trained vocabulary knows.
SCRIPTS = {
    "latin": (0x61, 0x7A), "latin1": (0xDF, 0xFF), "greek": (0x3B1, 0x3C9),
    "cyrillic": (0x430, 0x44F), "hebrew": (0x5D0, 0x5EA), "arabic": (0x627, 0x64A),
    "devanagari": (0x904, 0x939), "thai": (0xE01, 0xE2E), "kana": (0x3042, 0x3093),
    "hangul": (0xAC00, 0xB000), "han": (0x4E00, 0x5200),
}


def code_point(rng):
    """Any scalar value; small ones more often."""
    while True:
        c = rng.randrange(1 << rng.choice((7, 8, 11, 16, 17, 20, 21)))
        if c < 0x110000 and not 0xD800 <= c <= 0xDFFF:
            return chr(c)


def word(rng):
    first, last = rng.choice(list(SCRIPTS.values()))
    text = "".join(chr(rng.randint(first, last)) for _ in range(rng.randint(1, 9)))
    return rng.choice((text, text.upper(), text.capitalize()))


class RandomText:
    """Strings of one tokenizer; `added` are the contents of its added tokens."""

    def __init__(self, seed, added, lexicon):
        self.rng = random.Random(seed)
        self.added = added or ["<none>"]
        self.lexicon = lexicon or ["word"]
        self.families = [self.unicode, self.ascii, self.spaces, self.contractions, self.digits,
                         self.words, self.lexicon_text, self.code, self.emoji, self.alphabet,
                         self.repeats, self.with_added, self.mixed]

    def next(self):
        return self.rng.choice(self.families)()

    def join(self, pieces, longest=24):
        return "".join(self.rng.choice(pieces) for _ in range(self.rng.randint(0, longest)))

    def unicode(self):
        return "".join(code_point(self.rng) for _ in range(self.rng.randint(0, 40)))

    def ascii(self):
        return "".join(chr(self.rng.randrange(128)) for _ in range(self.rng.randint(0, 60)))

    def spaces(self):
        return self.join(SPACES + [" ", " ", "\n", "\r\n", "\r", "a", "."])

    def contractions(self):
        return self.join(CONTRACTIONS + ["I", "we ", " ", "\n"])

    def digits(self):
        return self.join(DIGITS + ["1", "23", "456", "7890", " ", ",", ".", "a"])

    def words(self):
        return self.rng.choice((" ", "", "  ", "\n", ", ")).join(
            word(self.rng) for _ in range(self.rng.randint(0, 16)))

    def lexicon_text(self):
        return self.rng.choice((" ", " ", "", "-")).join(
            self.rng.choice(self.lexicon) for _ in range(self.rng.randint(0, 20)))

    def code(self):
        return self.join(CODE + [word(self.rng) for _ in range(4)])

    def emoji(self):
        return self.join(EMOJI + [" ", "a"])

    def alphabet(self):
        """Characters the byte-level alphabet is written with."""
        return "".join(chr(self.rng.randrange(0x80, 0x150)) for _ in range(self.rng.randint(0, 30)))

    def repeats(self):
        unit = self.rng.choice((code_point(self.rng), word(self.rng), "a", "ab", " ", "\n", "'", "0",
                                self.rng.choice(self.added)))
        return unit * self.rng.randint(1, 200)

    def with_added(self):
        parts = []
        for _ in range(self.rng.randint(1, 8)):
            content = self.rng.choice(self.added)
            cut = self.rng.randint(0, len(content))
            parts.append(self.rng.choice((content, content, content[:cut], content[cut:],
                                          content[:cut] + content, word(self.rng), " ", "\n",
                                          self.rng.choice(SPACES), "_", "1")))
        return "".join(parts)

    def mixed(self):
        text = "".join(self.rng.choice(self.families[:-1])() for _ in range(3))
        characters = list(text)
        for _ in range(self.rng.randint(0, 4)):
            if characters:
                characters[self.rng.randrange(len(characters))] = code_point(self.rng)
        return "".join(characters)


def every_code_point():
    """Strings in which each code point stands after a space, before a letter and after a digit."""
    every = [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    for begin in range(0, len(every), 128):
        yield "".join(f" {c}x1{c}'{c}\n" for c in every[begin:begin + 128])
