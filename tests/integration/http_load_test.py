"""The HTTP port under clients that do not read, or that come and go: a fake of vlm_service (built as
http_stream_bench --serve) answers as fast as it is read."""
import json
import os
import pathlib
import socket
import tempfile
import time
import unittest

import services
from http_client import get, metrics

LONG = bool(os.environ.get("GLYPH_LONG"))
NUM_SLOW = 500 if LONG else 60
NUM_DROPPED = 20_000 if LONG else 2_000
NUM_OPEN = 400  # at once
MIB = 1 << 20


class Fake(services.Service):
    def __init__(self, folder):
        super().__init__(services.BIN.parent / "tests" / "http_stream_bench", "--serve", folder=folder)


def setUpModule():
    global gateway, fake
    folder = tempfile.TemporaryDirectory(prefix="glyph-")
    unittest.addModuleCleanup(folder.cleanup)
    fake = Fake(folder.name)
    unittest.addModuleCleanup(fake.stop)
    gateway = services.start_gateway(folder.name, "127.0.0.1:1", fake.address("vlm"),
                                     "--max-requests", 1000)
    unittest.addModuleCleanup(gateway.stop)
    ready = 'glyph_service_ready{service="vlm_service"}'
    services.wait_until(lambda: metrics(gateway.port("metrics"))[ready] == 1, what="the connection to the fake")


def connect(receive_buffer=None):
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", gateway.port("http")))
    return connection


def ask(connection, max_tokens):
    body = json.dumps({"stream": True, "max_tokens": max_tokens,
                       "messages": [{"role": "user", "content": "?"}]}).encode()
    connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                       b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def seconds_to_stream(max_tokens):
    with connect() as connection:
        start = time.monotonic()
        ask(connection, max_tokens)
        tail = b""
        while not tail.endswith(b"0\r\n\r\n"):
            received = connection.recv(1 << 16)
            assert received
            tail = (tail + received)[-16:]
        return time.monotonic() - start


def series(name):
    return metrics(gateway.port("metrics"))[name]


def processor_ticks(service):
    fields = pathlib.Path(f"/proc/{service.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def num_files():
    return len(list(pathlib.Path(f"/proc/{gateway.pid}/fd").iterdir()))


class SlowReaderTest(unittest.TestCase):
    def test_slow_readers_cost_little_and_slow_nobody(self):
        alone = min(seconds_to_stream(2000) for _ in range(5))
        before = gateway.resident_bytes()
        readers = [connect(receive_buffer=4096) for _ in range(NUM_SLOW)]
        for reader in readers:
            ask(reader, max_tokens=5_000)  # 6 MB
        services.wait_until(lambda: series("glyph_requests_in_flight") == NUM_SLOW, 60, "every stream")
        self.wait_until_nothing_flows()
        per_reader = (gateway.resident_bytes() - before) / NUM_SLOW
        beside = [seconds_to_stream(2000) for _ in range(5)]
        for reader in readers:
            reader.close()
        services.wait_until(lambda: series("glyph_requests_in_flight") == 0, 60, "the end of all")
        print(f"{NUM_SLOW} slow readers: {per_reader / MIB:.2f} MiB each; 2,000 tokens take "
              f"{min(beside):.3f} to {max(beside):.3f} s beside them, {alone:.3f} s alone")
        self.assertLessEqual(per_reader, MIB)
        self.assertLess(min(beside), 1.5 * alone + 0.1)
        self.assertLess(max(beside), 2)  # each was served while nobody read

    @staticmethod
    def wait_until_nothing_flows():
        """gRPC's buffers are full, too: half a second in which neither process works."""
        busy, since = (0, 0), time.monotonic()

        def rests():
            nonlocal busy, since
            now = tuple(processor_ticks(s) for s in (gateway, fake))
            if any(n > b + 2 for n, b in zip(now, busy, strict=True)):
                busy, since = now, time.monotonic()
            return time.monotonic() - since > 0.5
        services.wait_until(rests, 60, "congestion")


class DroppedConnectionTest(unittest.TestCase):
    def test_connections_that_come_and_go_leave_it_serving(self):
        before = num_files()
        for done in range(0, NUM_DROPPED, NUM_OPEN):
            connections = [connect() for _ in range(NUM_OPEN)]
            for i, connection in enumerate(connections):
                if i % 3 == 1:
                    connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Le")
                elif i % 3 == 2:
                    ask(connection, max_tokens=5)
            for connection in connections:
                connection.close()
        services.wait_until(lambda: num_files() <= before, 30, "closed connections")
        services.wait_until(lambda: series("glyph_requests_in_flight") == 0, 30, "the end of all")
        self.assertEqual(get(gateway.port("http"), "/v1/models").status, 200)
        self.assertLess(seconds_to_stream(100), 5)


if __name__ == "__main__":
    unittest.main()
