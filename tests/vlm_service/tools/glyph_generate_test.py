#!/usr/bin/env python3
"""glyph-generate as a process: its JSON, its logits file, and its exit codes.

Usage: glyph_generate_test.py BINARY (from the repository root)."""

import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

BINARY = sys.argv.pop(1)
NANO = pathlib.Path("deploy/models/nano")
PAGE = "tests/golden/nano_samples/28_find_1x56.png"
HUGGING_FACE_FILES = ["config.json", "generation_config.json", "model.safetensors",
                      "preprocessor_config.json", "tokenizer.json"]


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=300)


def arguments(model: str = str(NANO), page: str = PAGE, prompt: str = "Read the page.",
              count: str = "8") -> list[str]:
    return ["--model", model, "--page", page, "--prompt", prompt, "--max-new-tokens", count]


class GlyphGenerateTest(unittest.TestCase):
    def expect_failure(self, code: int, words: str, *args: str) -> None:
        result = run(*args)
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertIn(words, result.stderr)
        self.assertEqual(result.stdout, "")

    def test_prints_ids_and_writes_logits(self):
        samples = json.loads(pathlib.Path("tests/golden/nano_samples/pages.json").read_text())
        golden = json.loads(pathlib.Path("tests/golden/model/nano_samples.json").read_text())
        sample, reference = samples[46], golden[46]
        with tempfile.TemporaryDirectory() as temp:
            out = pathlib.Path(temp) / "out.npy"
            page = "tests/golden/nano_samples/" + sample["images"][0]
            result = run(*arguments(page=page, prompt=sample["prompt"], count="64"),
                         "--logits", str(out))
            self.assertEqual(result.returncode, 0, result.stderr)
            data = out.read_bytes()
        answer = json.loads(result.stdout)
        self.assertEqual(answer["output_ids"], reference["output_ids"])
        self.assertEqual(answer["text"], sample["text"])
        self.assertEqual(answer["prompt_ids"][:4], [258, 260, 263, 10])
        header = struct.unpack("<H", data[8:10])[0] + 10
        self.assertIn(f"({len(answer['output_ids'])}, 320)".encode(), data[:header])
        logits = struct.unpack(f"<{(len(data) - header) // 4}f", data[header:])
        rows = [logits[i:i + 320] for i in range(0, len(logits), 320)]
        self.assertEqual([row.index(max(row)) for row in rows], answer["output_ids"])

    def test_a_folder_needs_no_file_that_hugging_face_does_not(self):
        with tempfile.TemporaryDirectory() as temp:
            for name in HUGGING_FACE_FILES:
                (pathlib.Path(temp) / name).symlink_to((NANO / name).resolve())
            self.assertEqual(run(*arguments(model=temp, count="1")).returncode, 0)

    def test_bfloat16_and_text_without_pages(self):
        result = run("--model", str(NANO), "--prompt", "Find: KEY", "--max-new-tokens", "3",
                     "--dtype", "bfloat16")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(json.loads(result.stdout)["output_ids"]), 3)

    def test_chunks_of_the_prompt_give_the_same_answer(self):
        answers = [run(*arguments(), *chunk) for chunk in ([], ["--prefill-chunk", "7"])]
        ids = [json.loads(answer.stdout)["output_ids"] for answer in answers]
        self.assertEqual(ids[0], ids[1])

    def test_version(self):
        result = run("--version")
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stdout, r"^\d+\.\d+\.\d+\n$")

    def test_usage_errors_exit_64(self):
        self.expect_failure(64, "--model", "--prompt", "x", "--max-new-tokens", "1")
        for count in ["0", "-1", "x", "99999999999"]:
            self.expect_failure(64, "--max-new-tokens", *arguments(count=count))
        self.expect_failure(64, "--prefill-chunk", *arguments(), "--prefill-chunk", "-1")
        self.expect_failure(64, "--dtype", *arguments(), "--dtype", "float16")
        self.expect_failure(64, "--no-such-flag", *arguments(), "--no-such-flag")

    def test_missing_files_exit_66(self):
        self.expect_failure(66, "--model", *arguments(model="no/such/model"))
        self.expect_failure(66, "missing.png", *arguments(page="missing.png"))

    def test_bad_pages_exit_65(self):
        self.expect_failure(65, "README.md", *arguments(page="deploy/models/nano/README.md"))

    def test_too_long_requests_exit_65(self):
        self.expect_failure(65, "8192", *arguments(count="8192"))

    def test_bad_models_exit_78(self):
        with tempfile.TemporaryDirectory() as temp:
            self.expect_failure(78, "config.json", *arguments(model=temp))
            for name in HUGGING_FACE_FILES:
                shutil.copy(NANO / name, temp)
            config = json.loads((NANO / "config.json").read_text())
            config["text_config"]["intermediate_size"] = 1000
            (pathlib.Path(temp) / "config.json").write_text(json.dumps(config))
            self.expect_failure(78, "mlp.gate_up_proj.weight", *arguments(model=temp))

    def test_a_device_this_build_lacks_exits_69(self):
        self.expect_failure(69, "--device cpu", *arguments(), "--device", "cuda")


if __name__ == "__main__":
    unittest.main()
