"""Measures engine_bench and Hugging Face transformers on the same model, page and cores, in one run.

    python3 tests/bench/cpu_side_by_side.py build/release/tests/engine_bench [MODEL_DIR]

Needs torch 2.11.0 and transformers 5.17.0 (not installed by deploy/install: 2 GB). Pages are timed
from decoded pixels on both sides, answers are greedy. Writes tests/bench/results/cpu.{json,md}.
"""

import json
import pathlib
import platform
import statistics
import subprocess
import sys
import time

import numpy
import torch
import transformers
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "tests/golden/nano_samples/11_text_280.png"
NEW_TOKENS = 256
REPEATS = 5


class HuggingFace:
    """Glm4v by its own processor and generate."""

    def __init__(self, folder, dtype):
        self.model = transformers.Glm4vForConditionalGeneration.from_pretrained(
            folder, dtype=getattr(torch, dtype), attn_implementation="sdpa").eval()
        self.images = transformers.AutoImageProcessor.from_pretrained(folder)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.token = tokenizer.convert_tokens_to_ids
        self.text = lambda text: tokenizer(text, add_special_tokens=False)["input_ids"]
        self.pixels = numpy.asarray(Image.open(PAGE).convert("RGB"))

    def generate(self, batch, new_tokens):
        """Seconds from the decoded page to the last token."""
        start = time.perf_counter()
        images = self.images(images=[self.pixels] * batch, return_tensors="pt")
        count = int(images["image_grid_thw"][0].prod()) // 4
        ids = [self.token(t) for t in ("[gMASK]", "<sop>", "<|user|>")] + self.text("\n")
        ids += [self.token("<|begin_of_image|>")] + [self.token("<|image|>")] * count
        ids += [self.token("<|end_of_image|>")] + self.text("Read the page.")
        ids += [self.token("<|assistant|>")] + self.text("\n")
        ids = torch.tensor([ids] * batch)
        image_token = self.token("<|image|>")
        with torch.inference_mode():
            self.model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), **images,
                mm_token_type_ids=(ids == image_token).int(),
                do_sample=False, min_new_tokens=new_tokens, max_new_tokens=new_tokens)
        return time.perf_counter() - start

    def measure(self):
        self.generate(1, 8)
        first = [self.generate(1, 1) for _ in range(REPEATS)]
        result = {"first_token_ms": 1000 * statistics.median(first)}
        for batch, repeats in ((1, REPEATS), (16, 2)):
            speeds = []
            for _ in range(repeats):
                seconds = self.generate(batch, NEW_TOKENS) - self.generate(batch, 1)
                speeds.append(batch * (NEW_TOKENS - 1) / seconds)
            result[f"decode_{batch}_tokens_per_s"] = statistics.median(speeds)
        return result


def processor_name():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.processor()


def table(results):
    ours, theirs, half = results["ours"], results["hugging_face"], results["ours_bfloat16"]
    rows = [("first token of one page, ms", "first_token_ms"),
            ("decode, batch 1, tokens/s", "decode_1_tokens_per_s"),
            ("decode, batch 16, tokens/s", "decode_16_tokens_per_s")]
    lines = ["| float32 | Hugging Face | ours | ratio | ours, bfloat16 |", "|---|---|---|---|---|"]
    for name, key in rows:
        lines.append(f"| {name} | {theirs[key]:.1f} | {ours[key]:.1f} | "
                     f"{ours[key] / theirs[key]:.2f} | {half[key]:.1f} |")
    again = ours["second_question_first_token_ms"] / ours["document_first_token_ms"]
    stretch = ours["inter_token_p99_while_50_pages_ms"] / ours["inter_token_p99_quiet_ms"]
    lines += ["", f"- second question about the same six pages: first token after {again:.1%} of the first "
              f"one's time ({ours['second_question_first_token_ms']:.1f} of "
              f"{ours['document_first_token_ms']:.1f} ms)",
              f"- a known page in another document: "
              f"{ours['pages_encoded_for_one_new_and_one_known']:.0f} of 2 pages encoded",
              f"- p99 between tokens while 50 pages are read: {stretch:.2f} times the quiet one "
              f"({ours['inter_token_p99_while_50_pages_ms']:.1f} against "
              f"{ours['inter_token_p99_quiet_ms']:.1f} ms)"]
    return "\n".join(lines)


def main():
    bench = sys.argv[1]
    folder = sys.argv[2] if len(sys.argv) > 2 else str(ROOT / "deploy/models/nano")

    def ours(dtype):
        return json.loads(subprocess.run([bench, folder, str(PAGE), dtype], check=True,
                                         stdout=subprocess.PIPE, text=True).stdout)

    results = {
        "machine": f"{torch.get_num_threads()} cores, {processor_name()}",
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "date": time.strftime("%Y-%m-%d"),
        "hugging_face": HuggingFace(folder, "float32").measure(),
        "ours": ours("float32"),
        "ours_bfloat16": ours("bfloat16"),
    }
    out = ROOT / "tests/bench/results"
    out.mkdir(exist_ok=True)
    (out / "cpu.json").write_text(json.dumps(results, indent=2) + "\n")
    heading = (f"# Engine and Hugging Face on a CPU\n\n{results['machine']}; torch {torch.__version__}, "
               f"transformers {transformers.__version__}; {results['date']}; "
               "`tests/bench/cpu_side_by_side.py build/release/tests/engine_bench`\n\n")
    (out / "cpu.md").write_text(heading + table(results) + "\n")
    print(table(results))


if __name__ == "__main__":
    main()
