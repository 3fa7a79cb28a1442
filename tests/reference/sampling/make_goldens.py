"""Writes tests/golden/sampling/distributions.json: what Hugging Face's logits processors keep.

    python3 make_goldens.py tests/golden/sampling      (transformers 5.17.0)

Each case: logits, the ids of prompt and output, parameters, and what follows from them. "greedy" is
the first of the largest logits after logit bias and penalties; "kept" the probabilities after these,
temperature, top_k, top_p, min_p and softmax, in generate's order; "top_logprobs" the likeliest tokens
by the logits alone, in float64. Logits and parameters are float32 values written in full. The
library has no frequency and presence penalty: OutputPenalties is OpenAI's formula. torch.sort leaves
open which of several equal logits top_p drops first; here it is made stable, so that the lowest ids
go first, on every machine.
"""

import json
import pathlib
import sys

import numpy as np
import torch
from transformers.generation.logits_process import (LogitsProcessor, LogitsProcessorList,
                                                     MinPLogitsWarper,
                                                     RepetitionPenaltyLogitsProcessor,
                                                     SequenceBiasLogitsProcessor,
                                                     TemperatureLogitsWarper, TopKLogitsWarper,
                                                     TopPLogitsWarper)

SEED = 4
NUM_LOGPROBS = 5
UNSTABLE_SORT = torch.sort


def stable_sort(values, descending=False):
    return UNSTABLE_SORT(values, stable=True, descending=descending)


def f32(value):
    return float(np.float32(value))


class OutputPenalties(LogitsProcessor):

    def __init__(self, output_ids, frequency, presence):
        self.output_ids, self.frequency, self.presence = output_ids, frequency, presence

    def __call__(self, input_ids, scores):
        counts = np.bincount(self.output_ids, minlength=scores.shape[1]).astype(np.float32)
        penalties = counts * np.float32(self.frequency) + (counts > 0) * np.float32(self.presence)
        return scores - torch.from_numpy(penalties)


def adjusters(case):
    chain = LogitsProcessorList()
    if case["logit_bias"]:
        chain.append(SequenceBiasLogitsProcessor({(i,): bias for i, bias in case["logit_bias"]}))
    if case["repetition_penalty"] != 1:
        chain.append(RepetitionPenaltyLogitsProcessor(case["repetition_penalty"]))
    if case["output_ids"]:
        chain.append(OutputPenalties(case["output_ids"], case["frequency_penalty"],
                                     case["presence_penalty"]))
    return chain


def warpers(case):
    chain = LogitsProcessorList()
    if case["temperature"] != 1:
        chain.append(TemperatureLogitsWarper(case["temperature"]))
    if case["top_k"] != 0:
        chain.append(TopKLogitsWarper(case["top_k"]))
    if case["top_p"] < 1:
        chain.append(TopPLogitsWarper(case["top_p"]))
    if case["min_p"] > 0:
        chain.append(MinPLogitsWarper(case["min_p"]))
    return chain


def top_logprobs(logits):
    logprobs = torch.tensor(logits, dtype=torch.float64).log_softmax(-1).tolist()
    likeliest = sorted(range(len(logits)), key=lambda i: (-logits[i], i))[:NUM_LOGPROBS]
    return [[i, logprobs[i]] for i in likeliest if np.isfinite(logprobs[i])]


def finish(case):
    scores = torch.tensor([case["logits"]], dtype=torch.float32)
    ids = torch.tensor([case["prompt_ids"] + case["output_ids"]], dtype=torch.long)
    adjusted = adjusters(case)(ids, scores)
    processed = warpers(case)(ids, adjusted)[0]
    case["greedy"] = int(np.argmax(adjusted[0].numpy()))
    case["kept"] = [[i, float(p)] for i, p in enumerate(processed.softmax(-1))
                    if torch.isfinite(processed[i])]
    case["top_logprobs"] = top_logprobs(case["logits"])
    case["logits"] = [x if np.isfinite(x) else None for x in case["logits"]]
    return case


def random_bias(rng, size):
    tokens = rng.choice(size, min(size, int(rng.choice([0, 0, 1, 4]))), replace=False)
    return [[int(token), f32(rng.choice([rng.normal(0, 2), 100, -100], p=[0.9, 0.03, 0.07]))]
            for token in tokens]


def random_cases():
    rng = np.random.default_rng(SEED)
    for i in range(90):
        size = int(rng.choice([2, 5, 17, 100, 300]))
        logits = rng.normal(0, rng.choice([0.5, 1, 2, 5]), size).astype(np.float32)
        if i % 3 == 0:  # ties
            logits = np.round(logits).astype(np.float32)
        if i % 7 == 0:  # masked tokens
            logits[rng.random(size) < 0.3] = -np.inf
            logits[0] = 0
        yield {"logits": [float(x) for x in logits],
               "prompt_ids": [int(x) for x in rng.integers(0, size, 6)],
               "output_ids": [int(x) for x in rng.integers(0, size, rng.choice([0, 5, 20]))],
               "logit_bias": random_bias(rng, size),
               "repetition_penalty": f32(rng.choice([1, 1, 1.1, 0.7, 2])),
               "frequency_penalty": f32(rng.choice([0, 0, 0.3, -0.2, 2])),
               "presence_penalty": f32(rng.choice([0, 0, 0.4, -0.5, 2])),
               "temperature": f32(rng.choice([1, 0.3, 0.7, 1.5])),
               "top_k": int(rng.choice([0, 0, 4, 20, 50, 1000])),
               "top_p": f32(rng.choice([1, 1, 0.95, 0.8, 0.5])),
               "min_p": f32(rng.choice([0, 0, 0.02, 0.1, 0.3]))}


def edge_cases():
    base = {"prompt_ids": [0], "output_ids": [], "logit_bias": [], "repetition_penalty": 1.0,
            "frequency_penalty": 0.0, "presence_penalty": 0.0, "temperature": 1.0, "top_k": 0,
            "top_p": 1.0, "min_p": 0.0}
    tied = [1.0] * 10
    yield {**base, "logits": tied, "top_p": 0.5}
    yield {**base, "logits": tied, "top_p": f32(0.05)}
    yield {**base, "logits": tied, "top_k": 3}
    yield {**base, "logits": [1.0, 1.5, 1.25, 1.5], "top_k": 1}
    yield {**base, "logits": [1.0, 1.5, 1.25], "temperature": f32(0.1), "top_p": f32(1e-4)}
    yield {**base, "logits": tied, "min_p": 1.0}
    yield {**base, "logits": tied, "top_p": 0.5, "min_p": 1.0}
    yield {**base, "logits": [0.0, 3.0, 3.0, 3.0, -1.0], "top_k": 2, "top_p": f32(0.4)}
    yield {**base, "logits": [5.0, 5.0, 0.0], "top_p": f32(1e-6)}
    yield {**base, "logits": [0.0, 2.0, 1.0], "min_p": 1.0}
    yield {**base, "logits": [0.0, 2.0, 1.0], "min_p": f32(1e-6)}
    yield {**base, "logits": [0.0, -0.5, 0.5, 0.0], "prompt_ids": [0, 1, 2, 2],
           "repetition_penalty": 2.0}
    # A bias turns the sign before the repetition penalty looks at it.
    yield {**base, "logits": [1.0, -1.0, 0.5], "prompt_ids": [0, 1],
           "logit_bias": [[0, -2.0], [1, 2.0]], "repetition_penalty": 2.0}
    # The prompt counts for the repetition penalty, not for the others.
    yield {**base, "logits": [1.0, 1.0, 1.0, 1.0], "prompt_ids": [0, 0, 1], "output_ids": [1, 2, 2],
           "repetition_penalty": 2.0, "frequency_penalty": 0.25, "presence_penalty": 0.5}


def main():
    torch.sort = stable_sort
    cases = [finish(case) for case in [*random_cases(), *edge_cases()]]
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (pathlib.Path(sys.argv[1]) / "distributions.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
