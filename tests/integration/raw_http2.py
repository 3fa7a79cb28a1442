"""One gRPC call as bare HTTP/2 frames, for requests that no gRPC library would send.

    reply = raw_http2.call(port, "/glyph.v1.GlyphService/Ask", raw_http2.message(b"..."),
                           {"content-type": "text/plain"})
    reply.headers["grpc-status"]
"""
import dataclasses
import itertools
import socket
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
STREAM = 1
MAX_FRAME_BYTES = 16384
INITIAL_WINDOW = 65535
INITIAL_WINDOW_SETTING = 4
BINARY_VALUES = b"\xfe\x03" + (1).to_bytes(4, "big")  # gRPC's setting: "-bin" values come unencoded
STATIC_FIELDS = {8: (":status", "200"), 12: (":status", "400"), 13: (":status", "404"),
                 14: (":status", "500")}


@dataclasses.dataclass(frozen=True)
class Reply:
    headers: dict  # trailers too
    data: bytes
    reset: int | None  # error code of a RST_STREAM that took the place of trailers

    def messages(self):
        """The bytes of each gRPC message."""
        rest = self.data
        while rest:
            end = 5 + int.from_bytes(rest[1:5], "big")
            yield rest[5:end]
            rest = rest[end:]


def message(payload, compressed=False):
    """A gRPC message: flag, length, bytes."""
    return bytes([compressed]) + len(payload).to_bytes(4, "big") + payload


def call(port, path, body, headers, timeout_s=60):
    """Posts `body` with gRPC's usual headers, overwritten by `headers`."""
    fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "127.0.0.1",
              "te": "trailers", "content-type": "application/grpc", **headers}
    deadline = time.monotonic() + timeout_s
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        exchange = _Exchange(connection, body, deadline)
        return exchange.run(b"".join(map(_literal, fields, fields.values())))


class _Exchange:
    """One request and its reply on a connection of their own, within the server's flow control."""

    def __init__(self, connection, body, deadline):
        self._connection = connection
        self._deadline = deadline
        self._unsent = memoryview(body)
        self._windows = {0: INITIAL_WINDOW, STREAM: INITIAL_WINDOW}  # 0: the connection
        self._headers, self._data = {}, b""

    def run(self, header_block):
        self._connection.sendall(PREFACE)
        self._send(SETTINGS, 0, 0, BINARY_VALUES)
        self._send(HEADERS, END_HEADERS | (0 if self._unsent else END_STREAM), STREAM, header_block)
        while True:
            self._send_body()
            kind, flags, stream, payload = self._receive()
            if kind == GOAWAY:
                raise ConnectionError(payload)
            if kind == SETTINGS and not flags & ACK:
                self._apply_settings(payload)
            elif kind == PING and not flags & ACK:
                self._send(PING, ACK, 0, payload)
            elif kind == WINDOW_UPDATE:
                self._windows[stream] += int.from_bytes(payload, "big")
            elif kind == RST_STREAM:
                return Reply(self._headers, self._data, int.from_bytes(payload, "big"))
            elif kind == HEADERS:
                assert flags & END_HEADERS, "a reply of more than one frame of headers"
                self._headers.update(_fields(payload))
            elif kind == DATA:
                self._data += payload
            if kind in (HEADERS, DATA) and flags & END_STREAM:
                return Reply(self._headers, self._data, None)

    def _send_body(self):
        while self._unsent and (room := min(*self._windows.values(), MAX_FRAME_BYTES)) > 0:
            part, self._unsent = self._unsent[:room], self._unsent[room:]
            self._send(DATA, 0 if self._unsent else END_STREAM, STREAM, bytes(part))
            for stream in self._windows:
                self._windows[stream] -= len(part)

    def _apply_settings(self, payload):
        for i in range(0, len(payload), 6):
            if int.from_bytes(payload[i:i + 2], "big") == INITIAL_WINDOW_SETTING:
                self._windows[STREAM] += int.from_bytes(payload[i + 2:i + 6], "big") - INITIAL_WINDOW
        self._send(SETTINGS, ACK, 0)

    def _send(self, kind, flags, stream, payload=b""):
        self._connection.sendall(len(payload).to_bytes(3, "big") + bytes([kind, flags])
                                 + stream.to_bytes(4, "big") + payload)

    def _receive(self):
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("no end of the reply")
        self._connection.settimeout(left_s)
        head = self._read(9)
        return head[3], head[4], int.from_bytes(head[5:], "big"), self._read(int.from_bytes(head[:3], "big"))

    def _read(self, num_bytes):
        data = b""
        while len(data) < num_bytes:
            more = self._connection.recv(num_bytes - len(data))
            if not more:
                raise ConnectionError("the server closed the connection")
            data += more
        return data


# Headers are HPACK (RFC 7541) without Huffman's code. A connection carries one call, so no field
# refers back to an earlier one.
def _literal(name, value):
    strings = (name.encode(), value.encode())
    assert all(len(string) < 127 for string in strings), "a longer string needs a longer length"
    return b"\0" + b"".join(bytes([len(string)]) + string for string in strings)


def _fields(block):
    octets = iter(block)
    for first in octets:
        if first & 0x80:
            yield STATIC_FIELDS[first & 0x7f]
            continue
        assert first in (0x00, 0x10, 0x40), f"a field of kind {first:#x}"
        name, value = _string(octets).decode(), _string(octets)
        yield name, value if name.endswith("-bin") else value.decode()


def _string(octets):
    length, shift = next(octets), 0
    assert length < 0x80, "a string in Huffman's code"
    more = length == 0x7f
    while more:
        octet = next(octets)
        length += (octet & 0x7f) << shift
        shift, more = shift + 7, octet & 0x80
    return bytes(itertools.islice(octets, length))
