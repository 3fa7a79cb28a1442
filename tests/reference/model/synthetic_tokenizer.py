"""A tokenizer.json of GLM-4's shape without its words: byte-level BPE over 151,329 tokens, the
pre-tokenizer pattern of GLM-4, and the special tokens of GLM-4.1V at the ids 151329 to 151348.

Which merges there are follows from a seed. Letter pairs, numbers of up to three digits and every
CJK ideograph of the basic block are tokens, as in the real file; the rest are random words.
"""

import itertools
import random
import string

NUM_TEXT_TOKENS = 151329
SPECIAL_TOKENS = [
    "<|endoftext|>", "[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>", "<|system|>", "<|user|>",
    "<|assistant|>", "<|observation|>", "<|begin_of_image|>", "<|end_of_image|>",
    "<|begin_of_video|>", "<|end_of_video|>", "<|image|>", "<|video|>", "<think>", "</think>",
    "<answer>", "</answer>",
]
SPECIAL_IDS = {token: NUM_TEXT_TOKENS + i for i, token in enumerate(SPECIAL_TOKENS)}
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
           r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
MAX_WORD = 16  # characters of a random word


def byte_alphabet() -> list[str]:
    """The character by which byte-level vocabularies write each byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = (byte for byte in range(256) if byte not in printable)
    letters = {byte: chr(byte) for byte in printable}
    letters.update((byte, chr(0x100 + i)) for i, byte in enumerate(others))
    return [letters[byte] for byte in range(256)]


def fixed_pairs(alphabet: list[str]):
    """Pairs to merge first: (left, right)."""
    space = alphabet[ord(" ")]
    yield from itertools.product(string.ascii_lowercase, repeat=2)
    yield from ((space, letter) for letter in string.ascii_letters)
    yield from itertools.product(string.ascii_uppercase, string.ascii_lowercase)
    yield from itertools.product(string.digits, repeat=2)
    yield from (("".join(ab), c) for *ab, c in itertools.product(string.digits, repeat=3))
    for code_point in range(0x4E00, 0xA000):
        first, second, third = (alphabet[byte] for byte in chr(code_point).encode())
        yield first, second
        yield first + second, third


def merges(alphabet: list[str], seed: int) -> list[tuple[str, str]]:
    """As many as make, with the bytes, NUM_TEXT_TOKENS tokens; in the order of their ranks."""
    rng = random.Random(seed)
    known = set(alphabet)
    rules = []

    def add(left: str, right: str) -> bool:
        if left + right in known:
            return False
        known.add(left + right)
        rules.append((left, right))
        return True

    for left, right in fixed_pairs(alphabet):
        add(left, right)
    space = alphabet[ord(" ")]
    tails = [word for word in known if word.isascii() and word.isalpha()]
    tails.sort()
    heads = [*tails, *(space + letter for letter in string.ascii_letters)]
    while len(known) < NUM_TEXT_TOKENS:
        left, right = rng.choice(heads), rng.choice(tails)
        if len(left + right) <= MAX_WORD and add(left, right):
            heads.append(left + right)
            if not left.startswith(space):
                tails.append(left + right)
    return rules


def added_token(content: str) -> dict:
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True}


def tokenizer_json(seed: int) -> dict:
    alphabet = byte_alphabet()
    rules = merges(alphabet, seed)
    tokens = [*alphabet, *(left + right for left, right in rules)]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                  "use_regex": False}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, **added_token(s)} for s, i in SPECIAL_IDS.items()],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated",
             "invert": False},
            byte_level]},
        "post_processor": None, "decoder": byte_level,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
            "ignore_merges": False, "vocab": {token: i for i, token in enumerate(tokens)},
            "merges": [[left, right] for left, right in rules]},
    }


def tokenizer_config_json() -> dict:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast", "processor_class": "Glm4vProcessor",
        "added_tokens_decoder": {str(i): added_token(s) for s, i in SPECIAL_IDS.items()},
        "additional_special_tokens": SPECIAL_TOKENS,
        "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>", "image_token": "<|image|>",
        "video_token": "<|video|>", "clean_up_tokenization_spaces": False,
        "model_max_length": 128000, "padding_side": "left",
    }
