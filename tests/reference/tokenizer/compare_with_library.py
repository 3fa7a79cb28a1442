"""Compares vlm_service's tokenizer with the `tokenizers` library, id by id and byte by byte.

    python3 compare_with_library.py --tool BUILD/tests/tokenizer_tool --nano deploy/models/nano

Each tokenizer of variants.py encodes the same random and adversarial strings both ways, with added
tokens and without, and decodes the ids and random ids. 10,000 strings for nano and for the trained
GPT-4-style vocabulary, 1,000,000 with GLYPH_LONG=1; a tenth for the others; and for both of the
first, every code point of Unicode in context. The tool is a C++ process that is given
length-prefixed strings.
"""

import argparse
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata

import tokenizers

import random_text
import variants

SEED = 20261101
BATCH = 2000


class Tool:
    """The C++ side: sends a batch of requests, then reads as many answers."""

    def __init__(self, path, model_dir):
        self.process = subprocess.Popen([path, model_dir], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def run(self, command, payloads):
        """Answers to `payloads`; the tool answers only once it has read the whole batch."""
        blocks = b"".join(struct.pack("<I", len(p)) + p for p in payloads)
        self.process.stdin.write(struct.pack("<cI", command, len(payloads)) + blocks)
        self.process.stdin.flush()
        return [self.read(struct.unpack("<I", self.read(4))[0]) for _ in payloads]

    def read(self, size):
        data = self.process.stdout.read(size)
        if len(data) != size:
            sys.exit(f"the tool ended with status {self.process.wait()}")
        return data

    def close(self):
        self.process.stdin.close()
        return self.process.wait()


def pack_ids(ids):
    return struct.pack(f"<{len(ids)}i", *ids)


def check(what, inputs, expected, found):
    for item, want, got in zip(inputs, expected, found, strict=True):
        if want != got:
            sys.exit(f"{what} differs on {item!r}\n  library {want!r}\n  ours    {got!r}")


class Comparison:
    def __init__(self, tool_path, model_dir):
        text = (pathlib.Path(model_dir) / "tokenizer.json").read_text(encoding="utf-8")
        file = json.loads(text)
        self.added = [token["content"] for token in file["added_tokens"]]
        self.library = tokenizers.Tokenizer.from_str(text)
        self.without_added = tokenizers.Tokenizer.from_str(json.dumps({**file, "added_tokens": []}))
        self.tool = Tool(tool_path, model_dir)
        self.rng = random.Random(SEED)

    def encode(self, strings):
        """Compares both ways to encode; returns the ids with added tokens."""
        payloads = [s.encode() for s in strings]
        ids = None
        for command, library in ((b"T", self.without_added), (b"A", self.library)):
            encodings = library.encode_batch(strings, add_special_tokens=False)
            ids = [encoding.ids for encoding in encodings]
            check(f"encoding ({command.decode()})", strings, [pack_ids(i) for i in ids],
                  self.tool.run(command, payloads))
        return ids

    def decode(self, id_lists):
        for command, skip in ((b"D", False), (b"S", True)):
            texts = self.library.decode_batch(id_lists, skip_special_tokens=skip)
            check(f"decoding ({command.decode()})", id_lists, [t.encode() for t in texts],
                  self.tool.run(command, [pack_ids(i) for i in id_lists]))

    def random_ids(self):
        size = self.library.get_vocab_size() + 3  # a few ids of no token
        return [self.rng.randrange(size) for _ in range(self.rng.randint(0, 20))]

    def run(self, strings):
        count = 0
        batch = []
        for string in strings:
            batch.append(string)
            if len(batch) == BATCH:
                count += self.run_batch(batch)
                batch = []
        return count + self.run_batch(batch)

    def run_batch(self, batch):
        self.decode(self.encode(batch))
        self.decode([self.random_ids() for _ in batch])
        return len(batch)


def known_to_pcre2(text):
    """PCRE2 10.42 has Unicode 14 (as Python 3.11) and does not count U+0085 as white space."""
    return all(c != "\x85" and unicodedata.category(c) != "Cn" for c in text)


def strings_for(name, count, comparison, lexicon):
    source = random_text.RandomText(f"{SEED} {name}", comparison.added, lexicon)
    made = 0
    while made < count:
        text = source.next()
        if not name.startswith("pcre2") or known_to_pcre2(text):
            made += 1
            yield text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", required=True)
    parser.add_argument("--nano", required=True)
    arguments = parser.parse_args()
    full = 1_000_000 if os.environ.get("GLYPH_LONG") == "1" else 10_000
    lexicon = variants.make_lexicon()
    print(f"tokenizers {tokenizers.__version__}, seed {SEED}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in variants.write_variants(arguments.nano, folder):
            comparison = Comparison(arguments.tool, os.path.join(folder, name))
            main_variant = name in ("nano", "gpt4")
            strings = strings_for(name, full if main_variant else full // 10, comparison, lexicon)
            count = comparison.run(strings)
            print(f"{name}: {count} strings equal", flush=True)
            if main_variant:
                count = comparison.run(random_text.every_code_point())
                print(f"{name}: every code point equal, in {count} strings", flush=True)
            if comparison.tool.close() != 0:
                sys.exit("the tool failed")


if __name__ == "__main__":
    main()
