"""Bad input of the HTTP door: what is sent, and the status, `code` and `param` of the error it gets.

A row of HEADS is (name, bytes of a whole request, status, code); one of BODIES is (name, JSON, status,
code, param). Status 200 has no code: the request is odd and taken.
"""
import json
import socket

HEAD_LIMIT, BODY_LIMIT = 16 << 10, 24 << 20
LOCAL = b"Host: localhost\r\nConnection: close\r\n"
JSON = b"Content-Type: application/json\r\n"
CHAT = "/v1/chat/completions"
ASK = b'{"max_tokens":1,"messages":[{"role":"user","content":"x"}]}'


def request(start, fields=b"", body=b""):
    return start + b" HTTP/1.1\r\n" + LOCAL + fields + b"\r\n" + body


def post(body, path=CHAT, fields=JSON):
    return request(b"POST " + path.encode(), fields + b"Content-Length: %d\r\n" % len(body), body)


def chunked(body, size):
    chunks = (body[i:i + size] for i in range(0, len(body), size))
    return request(b"POST " + CHAT.encode(), JSON + b"Transfer-Encoding: chunked\r\n",
                   b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n")


def head_of(num_bytes):
    return request(b"GET /healthz", b"X: " + b"x" * (num_bytes - len(request(b"GET /healthz", b"X: \r\n"))) + b"\r\n")


def ask_of(num_bytes):
    """A good request whose JSON has so many bytes."""
    begin, end = ASK[:-1] + b',"pad":"', b'"}'
    return begin + b"x" * (num_bytes - len(begin) - len(end)) + end


def nested(depth):
    """A good request that is so deep."""
    return ASK[:-1] + b',"pad":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def with_fields(fields):
    return ASK[:-1] + b"," + fields.encode() + b"}"


def content(value):
    return b'{"max_tokens":1,"messages":[{"role":"user","content":%s}]}' % value.encode()


def image(url):
    return content(json.dumps([{"type": "image_url", "image_url": {"url": url}}]))


GET = b"GET /v1/models"
POST = b"POST " + CHAT.encode()
URL = "messages[0].content[0].image_url.url"
HEADS = [
    ("head of the limit - 1", head_of(HEAD_LIMIT - 1), 200, None),
    ("head of the limit", head_of(HEAD_LIMIT), 200, None),
    ("head of the limit + 1", head_of(HEAD_LIMIT + 1), 431, "headers_too_large"),
    ("100,000 fields", request(GET, b"a: b\r\n" * 100_000), 431, "headers_too_large"),
    ("endless target", request(b"GET /" + b"a" * (1 << 20)), 431, "headers_too_large"),
    ("unknown path", request(b"GET /invocations"), 404, "not_found"),
    ("path upwards", request(b"GET /v1/models/../../etc/passwd"), 404, "not_found"),
    ("escaped path upwards", request(b"GET /v1/models/%2e%2e/passwd"), 404, "not_found"),
    ("target of a proxy", request(b"GET http://localhost/v1/models"), 404, "not_found"),
    ("tunnel", request(b"CONNECT localhost:80"), 404, "not_found"),
    ("wrong method", request(b"DELETE /v1/models"), 405, "method_not_allowed"),
    ("GET of a POST", request(b"GET " + CHAT.encode()), 405, "method_not_allowed"),
    ("TRACE", request(b"TRACE /v1/models"), 405, "method_not_allowed"),
    ("NUL in the target", request(b"GET /v1/models\0"), 400, "bad_request"),
    ("NUL in a field", request(GET, b"X: a\0b\r\n"), 400, "bad_request"),
    ("field without a name", request(GET, b": x\r\n"), 400, "bad_request"),
    ("space before a colon", request(GET, b"X : x\r\n"), 400, "bad_request"),
    ("lines end in LF", request(GET).replace(b"\r", b""), 400, "bad_request"),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "bad_request"),
    ("HTTP/3.0", request(GET).replace(b"HTTP/1.1", b"HTTP/3.0"), 400, "bad_request"),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "bad_request"),
    ("HTTP/1.0 without a host", b"GET /v1/models HTTP/1.0\r\n\r\n", 200, None),
    ("two hosts", request(GET, b"Host: evil.example\r\n"), 400, "host_twice"),
    ("odd Accept", request(GET, b"Accept: image/png;;q=x, */nothing\r\n"), 200, None),
    ("another Accept", request(GET, b"Accept: text/xml\r\n"), 200, None),
    ("no type", post(ASK, fields=b""), 415, "content_type_not_json"),
    ("wrong type", post(ASK, fields=b"Content-Type: text/plain\r\n"), 415, "content_type_not_json"),
    ("compressed", post(ASK, fields=JSON + b"Content-Encoding: gzip\r\n"), 415, "content_encoding_unsupported"),
    ("no body", request(POST, JSON), 400, "body_not_json"),
    ("length of 1 GB", request(POST, JSON + b"Content-Length: 1000000000\r\n"), 413, "body_too_large"),
    ("length of 2^64 - 1", request(POST, JSON + b"Content-Length: 18446744073709551615\r\n"), 413, "body_too_large"),
    ("length beyond 2^64", request(POST, JSON + b"Content-Length: 99999999999999999999\r\n"), 400, "bad_request"),
    ("negative length", request(POST, JSON + b"Content-Length: -1\r\n"), 400, "bad_request"),
    ("two lengths", request(POST, JSON + b"Content-Length: 1\r\nContent-Length: 2\r\n", b"{}"), 400, "bad_request"),
    ("length and chunks", request(POST, JSON + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                                  b"0\r\n\r\n"), 400, "bad_request"),
    ("encoding that is no chunks", request(POST, JSON + b"Transfer-Encoding: gzip\r\n", request(GET)), 501,
     "transfer_encoding_unsupported"),
    ("encoding within chunks", request(POST, JSON + b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"), 501,
     "transfer_encoding_unsupported"),
    ("chunk of 2^64 - 1", request(POST, JSON + b"Transfer-Encoding: chunked\r\n", b"f" * 16 + b"\r\n"), 413,
     "body_too_large"),
    ("chunk beyond 2^64", request(POST, JSON + b"Transfer-Encoding: chunked\r\n", b"1" + b"f" * 16 + b"\r\n"), 400,
     "bad_request"),
    ("chunk of no number", request(POST, JSON + b"Transfer-Encoding: chunked\r\n", b"x\r\n"), 400, "bad_request"),
    ("endless chunk extension", request(POST, JSON + b"Transfer-Encoding: chunked\r\n", b"1;" + b"e" * (1 << 20)),
     400, "bad_request"),
    ("chunks of one byte", chunked(ASK, 1), 200, None),
    ("many small chunks beyond the limit", chunked(b" " * (BODY_LIMIT + 1), 64 << 10), 413, "body_too_large")]
BODIES = [
    ("body of the limit - 1", ask_of(BODY_LIMIT - 1), 200, None, None),
    ("body of the limit", ask_of(BODY_LIMIT), 200, None, None),
    ("body of the limit + 1", ask_of(BODY_LIMIT + 1), 413, "body_too_large", None),
    ("depth of the limit - 1", nested(31), 200, None, None),
    ("depth of the limit", nested(32), 200, None, None),
    ("depth of the limit + 1", nested(33), 400, "body_not_json", None),
    ("depth of 100,000", nested(100_000), 400, "body_not_json", None),
    ("values beyond the limit", with_fields('"a":[%s]' % ",".join("0" * 100_000)), 400, "body_not_json", None),
    ("no JSON", b"what?", 400, "body_not_json", None), ("nothing", b"", 400, "body_not_json", None),
    ("half of it", ASK[:-2], 400, "body_not_json", None), ("a list", b"[]", 400, "body_not_json", None),
    ("data behind it", ASK + b"{}", 400, "body_not_json", None),
    ("NUL behind it", ASK + b"\0{}", 400, "body_not_json", None),
    ("UTF-16", ASK.decode().encode("utf-16"), 400, "body_not_json", None),
    ("no UTF-8", content('"@"').replace(b"@", b"\xff"), 400, "body_not_json", None),
    ("lone surrogate", content(r'"\ud800"'), 400, "body_not_json", None),
    ("key twice", with_fields('"n":1,"n":1'), 400, "body_not_json", None),
    ("1e400", with_fields('"temperature":1e400'), 400, "body_not_json", None),
    ("NaN", with_fields('"temperature":NaN'), 400, "body_not_json", None),
    ("unknown fields", with_fields('"unheard_of":{"a":[1]},"user":"u"'), 200, None, None),
    ("wrong type", with_fields('"temperature":"hot"'), 400, "wrong_type", "temperature"),
    ("tokens as a float", with_fields('"top_k":1.5'), 400, "wrong_type", "top_k"),
    ("content null", content("null"), 400, "content_missing", "messages[0].content"),
    ("content empty", content("[]"), 400, "content_empty", "messages[0].content"),
    ("content mixed", content('[{"type":"text","text":"x"},"y"]'), 400, "wrong_type", "messages[0].content[1]"),
    ("role unknown", ASK.replace(b"user", b"root"), 400, "role_unknown", "messages[0].role"),
    ("image as a string", content('[{"type":"image_url","image_url":"data:,"}]'), 400, "wrong_type",
     "messages[0].content[0].image_url"),
    ("no comma", image("data:image/png;base64"), 400, "image_not_base64", URL),
    ("odd base64", image("data:image/png;base64,iVBORw0KGg"), 400, "image_not_base64", URL),
    ("base64 with space", image("data:image/png;base64,iVBO Rw0="), 400, "image_not_base64", URL),
    ("percent", image("data:image/png;base64,iVBORw%3D"), 400, "image_not_base64", URL),
    ("wrong type of image", image("data:text/html;base64,PGI+"), 400, "image_type_unsupported", URL),
    ("base64 of no image", image("data:image/png;base64,aGVsbG8h"), 400, "image_unsupported", URL),
    *((f"URL {url}", image(url), 400, "image_url_not_data", URL)
      for url in ("http://127.0.0.1:1/a", "https://a.example/b", "file:///etc/passwd", "ftp://a/b", "//a/b")),
    ("n of 0", with_fields('"n":0'), 400, "number_out_of_range", "n"),
    ("n of 1", with_fields('"n":1'), 200, None, None), ("n of 8", with_fields('"n":8'), 200, None, None),
    ("n of 9", with_fields('"n":9'), 400, "n_out_of_range", "n"),
    ("n of 2^63", with_fields('"n":9223372036854775808'), 400, "number_out_of_range", "n"),
    ("empty document", content('[{"type":"document","document":{"text":" \\n"}},{"type":"text","text":"x"}]'), 400,
     "empty_document", "messages")]


def exchange(port, data):
    """(status, headers, body) of the one answer to `data`."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        try:
            connection.sendall(data)
        except OSError:
            pass  # it was refused before all had come
        reply = b""
        try:
            while received := connection.recv(1 << 16):
                reply += received
        except ConnectionError:
            pass
    head, _, body = reply.partition(b"\r\n\r\n")
    status, *fields = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, value in (field.split(":", 1) for field in fields)}
    return int(status.split()[1]), headers, body.decode()
