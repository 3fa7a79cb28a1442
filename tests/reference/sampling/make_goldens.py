"""Writes tests/golden/sampling/distributions.json: what Hugging Face's logits processors keep.

    python3 make_goldens.py tests/golden/sampling      (transformers 5.17.0)

Each case: logits, prompt ids, parameters, and the probabilities after repetition penalty,
temperature, top_k, top_p and softmax, in generate's order. Logits and parameters are float32 values
written in full. torch.sort leaves open which of several equal logits top_p drops first; here it is
made stable, so that the lowest ids go first, on every machine.
"""

import json
import pathlib
import sys

import numpy as np
import torch
from transformers.generation.logits_process import (LogitsProcessorList,
                                                     RepetitionPenaltyLogitsProcessor,
                                                     TemperatureLogitsWarper, TopKLogitsWarper,
                                                     TopPLogitsWarper)

SEED = 4
UNSTABLE_SORT = torch.sort


def stable_sort(values, descending=False):
    return UNSTABLE_SORT(values, stable=True, descending=descending)


def f32(value):
    return float(np.float32(value))


def processors(case):
    chain = LogitsProcessorList()
    if case["repetition_penalty"] != 1:
        chain.append(RepetitionPenaltyLogitsProcessor(case["repetition_penalty"]))
    if case["temperature"] != 1:
        chain.append(TemperatureLogitsWarper(case["temperature"]))
    if case["top_k"] != 0:
        chain.append(TopKLogitsWarper(case["top_k"]))
    if case["top_p"] < 1:
        chain.append(TopPLogitsWarper(case["top_p"]))
    return chain


def finish(case):
    scores = torch.tensor([case["logits"]], dtype=torch.float32)
    prompt = torch.tensor([case["prompt_ids"]], dtype=torch.long)
    processed = processors(case)(prompt, scores)[0]
    case["kept"] = [[i, float(p)] for i, p in enumerate(processed.softmax(-1))
                    if torch.isfinite(processed[i])]
    case["logits"] = [x if np.isfinite(x) else None for x in case["logits"]]
    return case


def random_cases():
    rng = np.random.default_rng(SEED)
    for i in range(60):
        size = int(rng.choice([2, 5, 17, 100, 300]))
        logits = rng.normal(0, rng.choice([0.5, 2, 6]), size).astype(np.float32)
        if i % 3 == 0:  # ties
            logits = np.round(logits).astype(np.float32)
        if i % 7 == 0:  # masked tokens
            logits[rng.random(size) < 0.3] = -np.inf
            logits[0] = 0
        yield {"logits": [float(x) for x in logits],
               "prompt_ids": [int(x) for x in rng.integers(0, size, 6)],
               "repetition_penalty": f32(rng.choice([1, 1, 1.1, 0.7, 2])),
               "temperature": f32(rng.choice([1, 0.1, 0.7, 1.5])),
               "top_k": int(rng.choice([0, 0, 1, 3, 50, 1000])),
               "top_p": f32(rng.choice([1, 1, 0.95, 0.5, 0.1, 1e-4]))}


def edge_cases():
    base = {"prompt_ids": [0], "repetition_penalty": 1.0, "temperature": 1.0, "top_k": 0,
            "top_p": 1.0}
    tied = [1.0] * 10
    yield {**base, "logits": tied, "top_p": 0.5}
    yield {**base, "logits": tied, "top_p": f32(0.05)}
    yield {**base, "logits": tied, "top_k": 3}
    yield {**base, "logits": [0.0, 3.0, 3.0, 3.0, -1.0], "top_k": 2, "top_p": f32(0.4)}
    yield {**base, "logits": [5.0, 5.0, 0.0], "top_p": f32(1e-6)}
    yield {**base, "logits": [0.0, -0.5, 0.5, 0.0], "prompt_ids": [0, 1, 2, 2],
           "repetition_penalty": 2.0}


def main():
    torch.sort = stable_sort
    cases = [finish(case) for case in [*random_cases(), *edge_cases()]]
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (pathlib.Path(sys.argv[1]) / "distributions.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
