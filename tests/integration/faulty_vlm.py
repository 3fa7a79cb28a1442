"""glyph-vlm with libfiu before libc: single calls of malloc, read, write ... fail on demand.

    with FaultyVlm(folder, Fault("libc/mm/malloc", errno.ENOMEM, 1e-4)) as vlm:  # while it loads
        if vlm.port is not None:
            vlm.inject(other_fault)  # while it serves
"""
import dataclasses
import json
import os
import pathlib
import select
import signal
import subprocess

import services

LOAD_LIMIT_S = 60


@dataclasses.dataclass(frozen=True)
class Fault:
    """One call of `point` fails with `error`; each call is that one with `probability`, once."""
    point: str  # a name of /usr/share/doc/fiu-utils/function_list.gz
    error: int
    probability: float

    @property
    def command(self):
        return (f"enable_random name={self.point},probability={self.probability:.9f},"
                f"failinfo={self.error},onetime")


class FaultyVlm:
    """`port` is None when it did not come up; it has then ended, or is `hung`."""

    def __init__(self, folder, fault=None):
        self._control = pathlib.Path(folder) / "fiu"
        self._log_path = pathlib.Path(folder) / "faulty-vlm.log"
        loading = ("-c", fault.command) if fault else ()
        with open(self._log_path, "wb") as log:
            self._process = subprocess.Popen(
                ["fiu-run", "-x", "-f", self._control, *loading, services.BIN / "glyph-vlm", "--model",
                 services.NANO, "--port", "0", "--dtype", "float32", "--prefix-cache", "off",
                 "--kv-tokens", "1024"],
                stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL)
        ready, _, _ = select.select([self._process.stdout], [], [], LOAD_LIMIT_S)
        line = self._process.stdout.readline() if ready else b""
        self.hung = not ready
        self.port = json.loads(line)["ports"]["vlm"] if line else None

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def inject(self, fault):
        self._tell(fault.command)

    def forget(self, fault):
        self._tell(f"disable name={fault.point}")

    def ended(self):
        return self._process.poll() is not None

    def exit_status(self, limit_s):
        """Negative for a signal. Raises subprocess.TimeoutExpired."""
        return self._process.wait(limit_s)

    def log(self):
        return self._log_path.read_text(errors="replace")

    def _tell(self, command):
        """A process that has ended, or ends meanwhile, hears nothing."""
        if self.ended():
            return
        control = subprocess.Popen(["fiu-ctrl", "-f", self._control, "-c", command, str(self._process.pid)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True)
        try:
            control.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(control.pid, signal.SIGKILL)  # the shell and what it waits for
            control.wait()
            if not self.ended():
                raise
