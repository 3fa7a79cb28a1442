"""The real `glyph` binary, as a person at a terminal starts it."""
import dataclasses
import json
import subprocess

import services


@dataclasses.dataclass(frozen=True)
class Asked:
    """What `glyph ask --json` printed: the events, and what they add up to."""
    events: list
    text: str
    ids: list

    @property
    def finished(self):
        return self.events[-1]["finished"]


def run(*arguments, stdin=None):
    return subprocess.run([str(services.BIN / "glyph"), *map(str, arguments)], input=stdin,
                          capture_output=True, timeout=300, check=False)


def ask(server, question, *inputs):
    """`inputs` are options such as ("--file", path)."""
    result = run("ask", "--json", "--server", server, *inputs, question)
    assert result.returncode == 0, (result.returncode, result.stderr.decode(errors="replace"))
    events = [json.loads(line) for line in result.stdout.decode().splitlines()]
    deltas = [event["delta"] for event in events if "delta" in event]
    return Asked(events, "".join(delta.get("text", "") for delta in deltas),
                 [token for delta in deltas for token in delta.get("token_ids", [])])


def ask_plainly(server, question, *inputs):
    """What a person reads: stdout without --json."""
    result = run("ask", "--server", server, *inputs, question)
    assert result.returncode == 0, (result.returncode, result.stderr.decode(errors="replace"))
    return result.stdout.decode()
