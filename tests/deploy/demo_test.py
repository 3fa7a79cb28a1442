"""deploy/demo from the outside: the answer, the ports, and that nothing survives it."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "deploy/demo_document.txt"
DEFAULT_PORTS = [8080, 8081, 8082, 8083, 9464]
LIMIT_S = 120


class Demo:
    """One run of deploy/demo. Its processes are known by a variable in their environment."""

    def __init__(self, *arguments):
        self.mark = f"GLYPH_DEMO_TEST={uuid.uuid4()}"
        name, value = self.mark.split("=")
        self.folder = tempfile.TemporaryDirectory(prefix="glyph-demo-test-")
        self.out_path = pathlib.Path(self.folder.name) / "out"
        self.err_path = pathlib.Path(self.folder.name) / "err"
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(
                [ROOT / "deploy/demo", *arguments], stdout=out, stderr=err, stdin=subprocess.DEVNULL,
                env=dict(os.environ, **{name: value, "TMPDIR": self.folder.name}))

    def out(self):
        return self.out_path.read_text(errors="replace")

    def err(self):
        return self.err_path.read_text(errors="replace")

    def wait(self):
        return self.process.wait(LIMIT_S)

    def wait_until(self, condition, what):
        """Polls, at most LIMIT_S."""
        end = time.monotonic() + LIMIT_S
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"{what}: not within {LIMIT_S} s\n{self.out()}\n{self.err()}")
            time.sleep(0.02)  # between two looks at a process that tells nobody

    def wait_until_up(self):
        self.wait_until(lambda: "Ask from another terminal" in self.out() or self.process.poll() is not None,
                        "the demo prints its addresses")

    def wait_until_three(self):
        """Until the services alone carry the mark: what printed a text may still be about to end."""
        self.wait_until(lambda: sorted(self.services().values()) == ["glyph-gateway", "glyph-render", "glyph-vlm"],
                        "three services")

    def services(self):
        """pid -> binary of the processes that carry the mark, the demo itself left out."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if self.mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = os.path.basename(os.readlink(entry / "exe"))
            except (OSError, ValueError):
                continue
        found.pop(self.process.pid, None)
        return found

    def port(self, line):
        return int(re.search(rf"^  {line} .*:(\d+)", self.out(), re.MULTILINE).group(1))

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()


class DemoTest(unittest.TestCase):
    def start(self, *arguments):
        demo = Demo(*arguments)
        self.addCleanup(demo.close)
        return demo

    def take_default_ports(self):
        """Listens on every default port on which nobody does, so that all are taken."""
        for port in DEFAULT_PORTS:
            listener = socket.socket()
            self.addCleanup(listener.close)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
                listener.listen()
            except OSError:
                pass

    def expect_nothing_survives(self, demo):
        demo.wait_until(lambda: not demo.services(), "every process of the demo ends")

    def test_answers_reads_a_page_and_ends(self):
        demo = self.start("--once")
        self.assertEqual(demo.wait(), 0, demo.err())
        first_page = DOCUMENT.read_text(encoding="utf-8").splitlines()[:13]
        self.assertIn("7 West", demo.out())
        self.assertIn("\n".join(first_page), demo.out())
        self.expect_nothing_survives(demo)

    def test_answers_about_a_file_of_ones_own_on_free_ports_when_all_are_taken(self):
        self.take_default_ports()
        file = pathlib.Path(tempfile.mkstemp(suffix=".txt")[1])
        self.addCleanup(file.unlink)
        file.write_text("A note from the shelf in the hall.\nShelf: oak and brass\n", encoding="utf-8")
        demo = self.start("--file", str(file), "--ask", "Find: Shelf")
        demo.wait_until_up()
        self.assertIn("oak and brass", demo.out(), demo.err())
        ports = {demo.port(line) for line in ["gateway HTTP", "gateway gRPC", "metrics", "render gRPC", "vlm gRPC"]}
        self.assertEqual(len(ports), 5)
        self.assertTrue(ports.isdisjoint(DEFAULT_PORTS), ports)
        with urllib.request.urlopen(f"http://127.0.0.1:{demo.port('gateway HTTP')}/readyz") as response:
            self.assertEqual(response.status, 200)
        demo.wait_until_three()

        demo.process.send_signal(signal.SIGINT)

        self.assertEqual(demo.wait(), 0, demo.err())
        self.expect_nothing_survives(demo)

    def test_a_killed_service_ends_it_with_the_end_of_its_log(self):
        demo = self.start()
        demo.wait_until_up()
        victim = next(pid for pid, name in demo.services().items() if name == "glyph-gateway")

        os.kill(victim, signal.SIGKILL)

        self.assertEqual(demo.wait(), 1)
        header, *log = demo.err().split("ended unexpectedly", 1)[1].splitlines()
        self.assertIn("last 20 lines of its log", header)
        self.assertTrue(1 <= len(log) <= 20, log)
        self.assertTrue(all(line.startswith("{") for line in log), log)
        self.expect_nothing_survives(demo)

    def test_services_die_with_a_killed_demo(self):
        demo = self.start()
        demo.wait_until_up()
        demo.wait_until_three()

        demo.process.kill()

        demo.wait()
        self.expect_nothing_survives(demo)

    def test_refuses_wrong_arguments(self):
        for arguments in [["--twice"], ["--file"], ["--file", "/no/such/file", "--ask", "Q"],
                          ["--file", str(DOCUMENT)], ["--model", "/no/such/folder"], ["--bin", "/no/such/folder"],
                          ["--device", "tpu"]]:
            demo = self.start(*arguments)
            self.assertEqual(demo.wait(), 64, arguments)
            self.assertIn("usage: deploy/demo", demo.err())


if __name__ == "__main__":
    unittest.main()
