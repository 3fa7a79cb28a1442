"""The three services as child processes, on free ports of 127.0.0.1.

    with services.Stack() as stack:
        client.Client(stack.gateway.port("grpc"))

Environment (set by CMake): GLYPH_BIN the folder of the binaries, GLYPH_SOURCE the repository,
GLYPH_STUBS the folder of generate_stubs.py. GLYPH_VLM_OPTIONS, when set, says how glyph-vlm runs its
model, as in "--device cuda --dtype bfloat16". Only processes started here are ended, by their pid.
"""
import contextlib
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import time

BIN = pathlib.Path(os.environ["GLYPH_BIN"])
SOURCE = pathlib.Path(os.environ["GLYPH_SOURCE"])
NANO = SOURCE / "deploy" / "models" / "nano"
VLM_OPTIONS = os.environ.get("GLYPH_VLM_OPTIONS", "--dtype float32").split()
START_LIMIT_S = 60
STOP_LIMIT_S = 30
sys.path.insert(0, os.environ["GLYPH_STUBS"])


def wait_until(condition, limit_s=10.0, what="the condition"):
    """Polls until `condition` is true and returns its value."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if value := condition():
            return value
        select.select([], [], [], 0.02)
    raise AssertionError(f"{what} did not come true within {limit_s} s")


class Service:
    """One running binary. Its port line has been read; its log goes to a file of its own."""

    def __init__(self, binary, *arguments, folder):
        self.name = binary
        self.log_path = pathlib.Path(folder) / f"{binary}-{time.monotonic_ns()}.log"
        with open(self.log_path, "wb") as log:
            self._process = subprocess.Popen([str(BIN / binary), *map(str, arguments)], stderr=log,
                                             stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.pid = self._process.pid
        self.announcement = self._read_announcement()

    def _read_announcement(self):
        ready, _, _ = select.select([self._process.stdout], [], [], START_LIMIT_S)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            self.kill()
            raise AssertionError(f"{self.name} printed no port line:\n{self.log()[-2000:]}")
        return json.loads(line)

    def port(self, name):
        return self.announcement["ports"][name]

    def address(self, name):
        return f"127.0.0.1:{self.port(name)}"

    def log(self):
        return self.log_path.read_text(errors="replace")

    def alive(self):
        return self._process.poll() is None

    def terminate(self):
        self._process.send_signal(signal.SIGTERM)

    def wait(self, limit_s=STOP_LIMIT_S):
        """Exit status; negative for a signal."""
        return self._process.wait(limit_s)

    def resident_bytes(self):
        return self._memory("VmRSS")

    def peak_bytes(self):
        """Most resident bytes since forget_peak."""
        return self._memory("VmHWM")

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _memory(self, name):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
        raise AssertionError(f"{self.name} has no {name}")

    def kill(self):
        if self.alive():
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def stop(self):
        """Ends the process the way an operator does; its exit status."""
        if self.alive():
            self.terminate()
        try:
            return self.wait()
        finally:
            self.kill()


def start_render(folder, port=0):
    return Service("glyph-render", "--port", port, folder=folder)


def start_vlm(folder, *options, model=NANO, port=0):
    return Service("glyph-vlm", "--model", model, "--port", port, *VLM_OPTIONS, *options,
                   folder=folder)


def start_gateway(folder, render, vlm, *options):
    return Service("glyph-gateway", "--render", render, "--vlm", vlm, "--http-port", 0,
                   "--grpc-port", 0, "--metrics-port", 0, *options, folder=folder)


class Stack(contextlib.AbstractContextManager):
    """render, vlm (nano, float32, unless told otherwise) and gateway, ready to answer."""

    def __init__(self, vlm_options=(), gateway_options=(), model=NANO):
        self._model = model
        self._vlm_options = vlm_options
        self._gateway_options = gateway_options

    def __enter__(self):
        with contextlib.ExitStack() as exit_stack:
            self.folder = exit_stack.enter_context(tempfile.TemporaryDirectory(prefix="glyph-"))
            self.render = self._keep(exit_stack, start_render(self.folder))
            self.vlm = self._keep(
                exit_stack, start_vlm(self.folder, *self._vlm_options, model=self._model))
            self.gateway = self._keep(exit_stack, start_gateway(
                self.folder, self.render.address("render"), self.vlm.address("vlm"),
                *self._gateway_options))
            self._exit_stack = exit_stack.pop_all()
        self.wait_ready()
        return self

    def __exit__(self, *exc_info):
        return self._exit_stack.__exit__(*exc_info)

    @staticmethod
    def _keep(exit_stack, service):
        exit_stack.callback(service.stop)
        return service

    def services(self):
        return (self.render, self.vlm, self.gateway)

    def wait_ready(self):
        from http_client import get  # here, because it needs no stubs and this module no HTTP
        port = self.gateway.port("http")
        wait_until(lambda: get(port, "/readyz").status == 200, START_LIMIT_S, "readyz")

    def assert_alive(self):
        dead = [service.name for service in self.services() if not service.alive()]
        assert not dead, f"{dead} died:\n" + "\n".join(s.log()[-2000:] for s in self.services()
                                                      if s.name in dead)
