"""What a GPU's memory does while requests come: run by hand on a host with one that nobody else uses.

    GLYPH_SOURCE=$PWD GLYPH_BIN=$PWD/build/cuda/bin GLYPH_STUBS=$PWD/build/cuda/tests/integration/stubs \\
        .deps/venv/bin/python -B tests/integration/gpu_memory.py --model /data/full \\
        --budgets 22000000000 24500000000 27000000000 40000000000 70000000000 --out /tmp/gpu_memory

(generate_stubs.py writes the stubs.) First, with --budget, 200 mixed requests on one running stack: the
driver's figure after the warm-up and at the end, which must be the same and within the budget, and what
the components explain of it, to 1 %. Then for each of --budgets a stack of its own and 100 requests of
random pages by 8 threads: none runs out of memory, the peak stays within the budget, and a start is
refused only where more is needed than the budget has. Figures come from the gateway's /metrics. Prints
tables in Markdown, writes gpu_memory.json into --out, exits with 1 when something did not hold. With
--device cpu it does the same on nano, where no driver counts: a dry run.
"""
import argparse
import collections
import concurrent.futures
import contextlib
import json
import pathlib
import random
import re
import sys
import time

import pictures
import services
from client import Answer, Client, document, image, outcome, request, text
from http_client import metrics

NUM_MIXED, NUM_RANDOM, THREADS = 200, 100, 8
LOAD_LIMIT_S = 300
FIGURE_AGE_S = 2.5  # the driver is asked at most once a second, and so does the gateway ask
UNEXPLAINED = 0.01
REFUSAL = re.compile(r"needs (\d+) bytes of GPU memory.* and the budget is (\d+);"
                     r"|budget is (\d+) bytes and (\d+) of \d+ are free")
COLUMNS = ("budget", "requests", "loaded", "before", "after", "growth", "peak", "explained", "unattributed",
           "needed", "available", "figures", "broken")


class Load:
    """Request number i of a seed, sent and judged. Sizes follow `scale`, 1 for what people send."""

    def __init__(self, client, seed, scale):
        self._client, self._seed, self._scale = client, seed, scale

    def mixed(self, i):
        sends = (self.pages, self._chat, self._upload, self._samples, self._cancelled, self.pages, self._chat)
        return sends[i % len(sends)](i)

    def pages(self, i):
        return self._ask(i, *self._documents(i), max_tokens=8)

    def _chat(self, i):
        sampling = self._random(i).choice((
            {}, {"temperature": 1.0, "seed": i}, {"temperature": 0.7, "top_p": 0.8, "top_k": 20, "seed": i},
            {"temperature": 1.2, "min_p": 0.05, "frequency_penalty": 0.5, "presence_penalty": 0.5, "seed": i},
            {"repetition_penalty": 1.2, "logprobs": 3}))
        return self._ask(i, max_tokens=24, **sampling)

    def _upload(self, i):
        dice = self._random(i)
        width, height = (max(56, round(dice.randint(300, limit) * self._scale)) for limit in (1600, 3200))
        color = dice.choice((pictures.GRAY, pictures.RGB))
        return self._ask(i, image(pictures.png(width, height, color=color, value=i % 256)), max_tokens=8)

    def _samples(self, i):
        return self._ask(i, *self._documents(i)[:1], max_tokens=8, n=3, temperature=1.0, seed=i)

    def _cancelled(self, i):
        call = self._client.stub.Ask(request(*self._documents(i), text("Read."), generation={"max_tokens": 400}))
        next(call, None)
        call.cancel()
        return "cancelled"

    def _ask(self, i, *parts, **generation):
        question = text(f"Question {self._seed}-{i}: what does it say?")
        found = outcome(lambda: self._client.ask(*parts, question, generation=generation))
        return "answered" if isinstance(found, Answer) else f"{found.code.name} {found.reason}"

    def _documents(self, i):
        dice = self._random(i)
        words = max(5, round(300 * self._scale))
        return [document(" ".join(dice.choice("page tokens of many sizes are read here".split()) + str(dice.random())
                                  for _ in range(dice.randint(words // 5 + 1, words))))
                for _ in range(dice.randint(1, 6))]

    def _random(self, i):
        return random.Random(self._seed * 100_000 + i)


def send(work, count, deadline):
    """How many requests ended in which way; none begins after the deadline."""
    def one(i):
        return work(i) if time.monotonic() < deadline else "not sent: out of time"
    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        return dict(collections.Counter(pool.map(one, range(count))))


class Figures:
    """What /metrics says of the GPU, bytes; `present` is false on a CPU."""

    def __init__(self, stack, client):
        for _ in range(2):  # the second step asks the driver what the first one has changed
            outcome(lambda: client.ask(text("Hello."), generation={"max_tokens": 2}))
            time.sleep(FIGURE_AGE_S)  # a figure is kept so long, and nothing tells of a new one
        self._series = metrics(stack.gateway.port("metrics"))
        self.present = any(series.startswith("glyph_gpu_memory_bytes") for series in self._series)

    def component(self, name, kind):
        return self._one("glyph_gpu_memory_bytes", component=name, kind=kind)

    def driver(self):
        return self.component("driver", "used")

    def peak(self):
        return self._one("glyph_gpu_memory_peak_bytes", component="driver", window="start")

    def stage(self, name):
        return self._one("glyph_gpu_memory_stage_bytes", stage=name)

    def explained(self):
        taken = sum(self.component(name, "used") for name in ("context", "graphs"))
        return taken + sum(self.component(name, "reserved")
                           for name in ("weights", "vision", "activations", "workspace", "kv"))

    def _one(self, family, **labels):
        wanted = [f'{name}="{value}"' for name, value in labels.items()]
        found = [value for series, value in self._series.items()
                 if series.startswith(family + "{") and all(label in series for label in wanted)]
        assert len(found) == 1, (family, labels, found)
        return int(found[0])


def failures_of(outcomes):
    """Ways to end that are neither an answer nor what was asked for. What can never fit the cache is refused."""
    fine = ("answered", "cancelled", "not sent: out of time", "RESOURCE_EXHAUSTED KV_CAPACITY")
    return [f"{count} requests ended with {way}" for way, count in outcomes.items() if way not in fine]


def start(options, budget):
    given = ["--gpu-memory-budget", budget] if options.device == "cuda" else []
    return services.Stack(vlm_options=given + options.vlm_option, model=options.model)


def run_mixed(options, deadline):
    row = {"budget": options.budget}
    with start(options, options.budget) as stack, Client(stack.gateway.port("grpc")) as client:
        before = Figures(stack, client)
        row["requests"] = send(Load(client, 1, options.scale).mixed, NUM_MIXED, deadline)
        after = Figures(stack, client)
        stack.assert_alive()
    row["broken"] = failures_of(row["requests"])
    if not after.present:
        return row | {"figures": "absent: no driver counts"}
    row |= {"loaded": after.stage("loaded"), "before": before.driver(), "after": after.driver(),
            "growth": after.driver() - before.driver(), "peak": after.peak(), "explained": after.explained(),
            "unattributed": after.component("unattributed", "used")}
    unexplained = abs(row["after"] - row["explained"]) / row["after"]
    if row["growth"] != 0:
        row["broken"].append(f"the driver's figure grew by {row['growth']} bytes")
    if options.budget and row["peak"] > options.budget:
        row["broken"].append(f"the peak is {row['peak'] - options.budget} bytes above the budget")
    if unexplained > UNEXPLAINED:
        row["broken"].append(f"the components do not explain {unexplained:.2%} of the driver's figure")
    return row


def refused(message):
    """A start that glyph-vlm refused: because of memory it must be, and rightly so."""
    found = REFUSAL.search(message)
    if found is None:
        return {"broken": [f"it did not start: {message[-300:]}"]}
    needed, available = (int(value) for value in found.groups() if value)
    broken = [] if needed > available else [f"refused, though {needed} bytes are within {available}"]
    return {"needed": needed, "available": available, "broken": broken}


def run_budget(options, number, budget, deadline):
    row = {"budget": budget}
    with contextlib.ExitStack() as keeper:
        try:
            stack = keeper.enter_context(start(options, budget))
        except AssertionError as error:
            return row | refused(str(error))
        client = keeper.enter_context(Client(stack.gateway.port("grpc")))
        row["requests"] = send(Load(client, 2 + number, options.scale).pages, NUM_RANDOM, deadline)
        figures = Figures(stack, client)
        stack.assert_alive()
    row["broken"] = failures_of(row["requests"])
    if not figures.present:
        return row | {"figures": "absent: no driver counts"}
    row["peak"] = figures.peak()
    if row["peak"] > budget:
        row["broken"].append(f"the peak is {row['peak'] - budget} bytes above the budget")
    return row


def table(rows):
    """In Markdown, a row a stack."""
    names = [name for name in COLUMNS if any(name in row for row in rows)]
    lines = [names, ["---"] * len(names)]
    lines += [[shown(row.get(name, "")) for name in names] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def shown(value):
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return ", ".join(f"{count} {way}" for way, count in sorted(value.items()))
    return "; ".join(value) or "nothing" if isinstance(value, list) else str(value)


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--model", type=pathlib.Path, default=services.NANO)
    parser.add_argument("--budget", type=int, default=0, help="bytes, of the mixed requests; 0: all that is free")
    parser.add_argument("--budgets", type=int, nargs="*", default=[], help="bytes, of a stack each")
    parser.add_argument("--vlm-option", action="append", default=[],
                        help="for glyph-vlm, as in --vlm-option=--max-chunk=2048")
    parser.add_argument("--limit-s", type=float, default=540, help="no request is sent after so many seconds")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args(arguments)
    options.scale = 1.0 if options.device == "cuda" else 0.1  # of documents and pictures
    return options


def main():
    options = parse(sys.argv[1:])
    options.out.mkdir(parents=True, exist_ok=True)
    services.VLM_OPTIONS = ["--device", options.device]
    services.START_LIMIT_S = LOAD_LIMIT_S
    end = time.monotonic() + options.limit_s
    # An equal share of the time for each stack, starts included.
    shares = 2 + len(options.budgets)
    results = {"device": options.device, "model": str(options.model),
               "mixed": run_mixed(options, time.monotonic() + 2 * options.limit_s / shares), "budgets": []}
    for number, budget in enumerate(options.budgets):
        left = (end - time.monotonic()) / (len(options.budgets) - number)
        results["budgets"].append(run_budget(options, number, budget, time.monotonic() + left))
    (options.out / "gpu_memory.json").write_text(json.dumps(results, indent=1) + "\n")
    rows = [results["mixed"], *results["budgets"]]
    print(table(rows))
    return 1 if any(row["broken"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
