"""Tokenizer files to compare on: nano's own, changed copies of it, and trained vocabularies."""

import json
import pathlib
import random

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from random_text import EMOJI, SCRIPTS

GPT4_PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
                r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2_PATTERN = GPT4_PATTERN.replace(r"\p{N}{1,3}", r"\p{N}")
NUM_MERGES = 20_000
CORPUS_SEED = 20


def make_lexicon():
    """Words of eleven scripts and emoji sequences, built from a few syllables of each."""
    rng = random.Random(CORPUS_SEED)
    lexicon = []
    for first, last in SCRIPTS.values():
        syllables = ["".join(chr(rng.randint(first, last)) for _ in range(rng.randint(1, 3)))
                     for _ in range(300)]
        lexicon += ["".join(rng.choice(syllables) for _ in range(rng.randint(1, 4)))
                    for _ in range(2000)]
    lexicon += ["".join(rng.choice(EMOJI) for _ in range(rng.randint(1, 4))) for _ in range(300)]
    rng.shuffle(lexicon)
    return lexicon


def corpus(lexicon):
    """Lines with Zipf-like word frequencies, numbers, punctuation and indentation."""
    rng = random.Random(CORPUS_SEED + 1)
    marks = [".", ",", ";", "...", "\n\n", "\r\n", "    ", "\t", "(", ")", "'s", "'ll", "\u3002", " - "]
    for _ in range(25_000):
        words = []
        for _ in range(12):
            words.append(lexicon[int(len(lexicon) * rng.random() ** 2)])
            if rng.random() < 0.2:
                words.append(rng.choice(marks))
            if rng.random() < 0.05:
                words.append(str(rng.randrange(10 ** rng.randint(1, 6))))
        yield rng.choice((" ", " ", "")).join(words)


def train_gpt4():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(GPT4_PATTERN), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=256 + NUM_MERGES, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(corpus(make_lexicon()), trainer)
    tokenizer.add_special_tokens(["<|endoftext|>", "[gMASK]", "<sop>", "<|user|>", "<|image|>"])
    tokenizer.add_tokens(["<think>", "\u6211\u4eec", " x"])
    assert tokenizer.get_vocab_size(with_added_tokens=False) == 256 + NUM_MERGES
    return json.loads(tokenizer.to_str())


def with_flags(file):
    """Added tokens with every flag."""
    file = json.loads(json.dumps(file))
    next_id = max(token["id"] for token in file["added_tokens"]) + 1
    flags = ("single_word", "lstrip", "rstrip", "normalized", "special")
    for i, content in enumerate(["<l>", "<r>", "<lr>", "w0rd", "<lr>x", "<n>", "  ", "\u00e9 t\u00e9",
                                 "<l><r>", "w0", "\u0120<"]):
        bits = {flag: bool((i * 7 + 3) >> bit & 1) for bit, flag in enumerate(flags)}
        file["added_tokens"].append({"id": next_id + i, "content": content, **bits})
    return file


def with_pre_tokenizer(file, pre_tokenizer, ignore_merges=False):
    return {**file, "pre_tokenizer": pre_tokenizer,
            "model": {**file["model"], "ignore_merges": ignore_merges}}


def byte_level(add_prefix_space, use_regex):
    return {"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": False,
            "use_regex": use_regex}


def split_sequence(pattern, behavior, invert, last):
    return {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": invert},
        last]}


def write_variants(nano, folder):
    """Writes one model folder a variant below `folder`; returns their names."""
    nano_file = json.loads((pathlib.Path(nano) / "tokenizer.json").read_text())
    gpt4 = train_gpt4()
    legacy = {**gpt4, "model": {**gpt4["model"],
                                "merges": [" ".join(merge) for merge in gpt4["model"]["merges"]]}}
    plain = byte_level(False, False)
    variants = {
        "nano": nano_file,
        "gpt4": gpt4,
        "nano_flags": with_flags(nano_file),
        "gpt4_flags_string_merges": with_flags(legacy),
        "gpt2_prefix_space": with_pre_tokenizer(gpt4, byte_level(True, True)),
        "gpt4_then_gpt2_prefix_space": with_pre_tokenizer(
            gpt4, split_sequence(GPT4_PATTERN, "Isolated", False, byte_level(True, True))),
        "gpt4_removed_inverted_ignore_merges": with_pre_tokenizer(
            {**gpt4, "added_tokens": gpt4["added_tokens"][:5]},
            split_sequence(GPT4_PATTERN, "Removed", True, plain), ignore_merges=True),
        "pcre2_qwen2": with_pre_tokenizer(
            gpt4, split_sequence(QWEN2_PATTERN, "Isolated", False, plain)),
        "pcre2_removed": with_pre_tokenizer(gpt4, split_sequence(r"\d+|[A-C]{2}", "Removed", False,
                                                                 plain)),
    }
    for name, file in variants.items():
        (pathlib.Path(folder) / name).mkdir()
        (pathlib.Path(folder) / name / "tokenizer.json").write_text(
            json.dumps(file, ensure_ascii=False), encoding="utf-8")
    return list(variants)
