"""The clients of gateway/clients in five languages and the examples of gateway/cli, against one system."""
import concurrent.futures
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import services
from client import Client, Vlm, document, text
from golden import one_page_documents

CLIENTS = services.SOURCE / "gateway" / "clients"
CPP_CLIENT = os.environ["GLYPH_CPP_CLIENT"]
BUILD = pathlib.Path(os.environ["GLYPH_STUBS"]).parent / "clients"
LONG = os.environ.get("GLYPH_LONG")
# The C++ client takes half a minute of compilation by itself; CMake links it with the stubs it has.
LANGUAGES = ("go", "java", "python", "ruby") + (("cpp",) if LONG else ())
PAGE = "\n".join(one_page_documents()[0]["text"].splitlines()[:4])
READ = "Read the page."
BUILD_LIMIT_S = 500


def build(language):
    """Language and program of its client; compiled unless that was done of the same sources."""
    folder = BUILD / language
    sources = [p for root in (services.SOURCE / "proto", CLIENTS) for p in sorted(root.rglob("*")) if p.is_file()]
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in sources)).hexdigest()
    stamp = folder / "stamp"
    if not stamp.exists() or stamp.read_text() != digest:
        subprocess.run([CLIENTS / "build", language, folder], check=True, timeout=BUILD_LIMIT_S,
                       env=dict(os.environ, PYTHON=sys.executable))
        stamp.write_text(digest)
    return language, folder / "run"


def setUpModule():
    global stack, vlm, programs, read
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        programs = dict(pool.map(build, LANGUAGES))
    programs.setdefault("cpp", CPP_CLIENT)
    stack = services.Stack()
    stack.__enter__()
    unittest.addModuleCleanup(stack.__exit__, None, None, None)
    vlm = Vlm(stack.vlm.port("vlm"))
    unittest.addModuleCleanup(vlm.channel.close)
    with Client(stack.gateway.port("grpc")) as client:
        read = client.ask(document(PAGE), text(READ)).text


def run(program, address):
    """What each step printed."""
    done = subprocess.run([program, address, PAGE, READ], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and not done.stderr, (program, done)
    words = re.split(r"^(ask|stream|cancel|error): ", done.stdout, flags=re.M)
    return dict(zip(words[1::2], words[2::2], strict=True))


class ClientsTest(unittest.TestCase):
    def test_there_are_five_under_60_lines(self):
        files = [next(CLIENTS.glob(f"{language}/[cC]lient.*")) for language in programs]
        self.assertEqual(len(files), 5)
        for file in files:
            self.assertLess(len(file.read_text().splitlines()), 60, file)

    def test_ask_stream_cancel_and_show_details(self):
        for language, program in programs.items():
            with self.subTest(language):
                before = vlm.wait_idle()
                shown = run(program, stack.gateway.address("grpc"))
                after = vlm.wait_idle()
                self.assertEqual(shown["ask"].rstrip("\n"), read)
                self.assertEqual(shown["stream"].replace("|", "").rstrip("\n"), read)
                self.assertGreater(shown["stream"].count("|"), 10, "it came in one piece")
                self.assertRegex(shown["cancel"], "(?i)^(1|(GRPC::)?cancell?ed): ")
                self.assertEqual(after.cancelled_total - before.cancelled_total, 1)
                self.assertEqual(after.finished_total - before.finished_total, 2)
                self.assertRegex(shown["error"], "(?i)^(3|(GRPC::)?invalid_?argument): .* is 3; it must lie in")
                self.assertIn("\n  reason TEMPERATURE_OUT_OF_RANGE\n", shown["error"])
                self.assertRegex(shown["error"], r"\n  field.*generation\.temperature.* is 3")

    def test_say_when_to_try_again(self):
        gateway = services.start_gateway(stack.folder, stack.render.address("render"), "127.0.0.1:1",
                                         "--upstream-wait", 0)
        self.addCleanup(gateway.stop)
        for language, program in programs.items():
            with self.subTest(language):
                shown = run(program, gateway.address("grpc"))
                for step in ("ask", "stream", "cancel"):
                    self.assertIn("\n  reason VLM_UNAVAILABLE\n  retry after 1 s\n", shown[step])


class CommandLineTest(unittest.TestCase):
    def test_the_readmes_examples_run(self):
        readme = (services.SOURCE / "gateway" / "cli" / "README.md").read_text()
        examples = re.findall(r"^    (.*glyph .*)", readme, re.M)
        self.assertEqual(len(examples), 9)
        with tempfile.TemporaryDirectory() as folder:
            for example in examples:
                server = "" if "completions" in example else f" --server {stack.gateway.address('grpc')}"
                command = f'glyph() {{ command glyph "$@"{server}; }}; ' + example.replace("-o pages", f"-o {folder}")
                done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=services.SOURCE,
                                      env=dict(os.environ, PATH=f"{services.BIN}:{os.environ['PATH']}"),
                                      capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual((done.returncode, done.stderr), (0, ""), command)
                self.assertTrue(done.stdout or server == "", command)
                if "Find: Berth" in example and "bench" not in example:
                    self.assertIn("7 West", done.stdout)


if __name__ == "__main__":
    unittest.main()
