"""Keys and quotas through both doors: who has none, a wrong one, or used its share; the file changes."""
import functools
import pathlib
import socket
import tempfile
import unittest

import grpc
import openai
import services
from client import Client, Failure, collect, document, outcome, request, text
from golden import one_page_documents
from health.v1 import health_pb2, health_pb2_grpc

import cli
import reflection_pb2
import reflection_pb2_grpc
from http_client import get, metrics

PAGE = one_page_documents()[0]
READ = "Read the page."
OPEN = {"/healthz", "/readyz"}


def make_key(name):
    """(key, line of the key file), as an operator makes them."""
    made = cli.run("key", name)
    assert made.returncode == 0, made.stderr
    return made.stderr.decode().split()[-1], made.stdout.decode().rstrip("\n")


def setUpModule():
    global stack, keys, lines, key_file
    folder = tempfile.TemporaryDirectory(prefix="glyph-keys-")
    unittest.addModuleCleanup(folder.cleanup)
    names = ("alice", "bob", "few", "single", "small")
    made = {name: make_key(name) for name in names}
    keys = {name: key for name, (key, _) in made.items()}
    lines = {name: line for name, (_, line) in made.items()}
    lines["few"] += " requests_per_minute=2"
    lines["single"] += " in_flight=1"
    lines["small"] += " tokens_per_minute=100"
    key_file = pathlib.Path(folder.name) / "keys"
    write_keys(*names)
    stack = services.Stack(gateway_options=("--key-file", key_file))
    stack.__enter__()
    unittest.addModuleCleanup(stack.__exit__, None, None, None)


def write_keys(*names):
    key_file.write_text("# who may ask\n" + "".join(lines[name] + "\n" for name in names))


@functools.cache
def api(key):
    client = openai.OpenAI(base_url=f"http://{stack.gateway.address('http')}/v1", api_key=key,
                           max_retries=0)
    unittest.addModuleCleanup(client.close)
    return client


def chat(key, **options):
    content = [{"type": "document", "document": {"text": PAGE["text"]}}, {"type": "text", "text": READ}]
    return api(key).chat.completions.create(
        model="nano", messages=[{"role": "user", "content": content}], **{"max_tokens": 1, **options})


def ask(key, **fields):
    """An Ask call: its Answer, or its Failure."""
    with Client(stack.gateway.port("grpc")) as client:
        metadata = [("authorization", f"Bearer {key}")] if key else []
        try:
            return collect(client.stub.Ask(
                request(document(PAGE["text"]), text(READ), generation={"max_tokens": 1}, **fields),
                metadata=metadata, timeout=60))
        except grpc.RpcError as error:
            return Failure.of(error)


def refusals(key, reason):
    series = f'glyph_key_refusals_total{{key="{key}",reason="{reason}"}}'
    return metrics(stack.gateway.port("metrics")).get(series, 0)


class HttpTest(unittest.TestCase):
    def test_openais_client_hears_why_it_is_refused(self):
        before = refusals("", "unknown")
        for call in (lambda: chat("glyph-wrong"), lambda: chat("glyph-wrong", stream=True),
                     lambda: api("glyph-wrong").models.list()):
            with self.assertRaises(openai.AuthenticationError) as caught:
                call()
            self.assertEqual(caught.exception.code, "key_unknown")
            self.assertEqual(caught.exception.type, "authentication_error")
            self.assertEqual(caught.exception.response.headers["www-authenticate"], "Bearer")
        self.assertEqual(refusals("", "unknown"), before + 3)
        self.assertTrue(chat(keys["alice"]).choices)
        self.assertEqual([m.id for m in api(keys["alice"]).models.list()], ["nano"])

    def test_every_route_but_health_asks_for_a_key(self):
        port = stack.gateway.port("http")
        for path in (*OPEN, "/openapi.json", "/v1/models", "/v1/models/nano", "/v1/chat/completions",
                     "/v1/render", "/v1/estimate", "/metrics", "/", "/nowhere"):
            for method in ("GET", "POST"):
                status = get(port, path, method).status
                self.assertEqual(status, 200 if path in OPEN and method == "GET" else 401, path)
        self.assertEqual(get(stack.gateway.port("metrics"), "/metrics").status, 200)

    def test_a_large_body_is_refused_before_it_is_sent(self):
        with socket.create_connection(("127.0.0.1", stack.gateway.port("http"))) as connection:
            connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                               b"Content-Length: 20000000\r\n\r\n")
            connection.settimeout(10)
            self.assertTrue(connection.makefile("rb").readline().startswith(b"HTTP/1.1 401 "))

    def test_requests_beyond_the_quota_are_told_when_to_come_back(self):
        chat(keys["few"])
        chat(keys["few"], stream=True).close()
        with self.assertRaises(openai.RateLimitError) as caught:
            chat(keys["few"])
        self.assertEqual(caught.exception.code, "key_quota")
        self.assertTrue(1 <= int(caught.exception.response.headers["retry-after"]) <= 30)
        self.assertEqual(ask(keys["few"]).reason, "KEY_QUOTA")  # one quota for both doors
        self.assertEqual(refusals("few", "requests"), 2)

    def test_a_stream_holds_its_keys_place(self):
        before = refusals("single", "in_flight")
        held = chat(keys["single"], stream=True, max_tokens=2000)
        next(iter(held))
        with self.assertRaises(openai.RateLimitError) as caught:
            chat(keys["single"])
        self.assertEqual(caught.exception.code, "key_quota")
        held.close()
        services.wait_until(lambda: not isinstance(ask(keys["single"]), Failure), what="its place")
        self.assertGreater(refusals("single", "in_flight"), before)

    def test_tokens_beyond_the_quota_are_refused_until_they_are_paid(self):
        used = chat(keys["small"]).usage.total_tokens
        self.assertGreater(used, 100)
        with self.assertRaises(openai.RateLimitError) as caught:
            chat(keys["small"])
        wait_s = int(caught.exception.response.headers["retry-after"])
        self.assertAlmostEqual(wait_s, (used - 100) * 60 / 100, delta=15)  # as long as the debt takes


    def test_every_wrong_header_is_refused(self):
        key = keys["alice"]
        for headers, expected in (
                ("", b"key_missing"), (f"Authorization: Basic {key}", b"key_missing"),
                (f"Authorization: {key}", b"key_missing"), ("Authorization: Bearer", b"key_missing"),
                (f"X-Api-Key: {key}", b"key_missing"), (f"Cookie: Authorization=Bearer {key}", b"key_missing"),
                (f"Authorization: Bearer {key[:-1]}", b"key_unknown"),
                (f"Authorization: Bearer {key}{key}", b"key_unknown"),
                ("Authorization: Bearer " + "k" * 10_000, b"key_unknown"),
                (f"Authorization: Bearer {key}\r\nAuthorization: Bearer {key}", b"key_unknown"),
                (f"Authorization: Bearer {key}\0", b"bad_request")):
            with socket.create_connection(("127.0.0.1", stack.gateway.port("http"))) as connection:
                connection.settimeout(10)
                head = ("GET /v1/models HTTP/1.1", "Host: localhost", "Connection: close", headers)
                connection.sendall("".join(f"{line}\r\n" for line in head if line).encode() + b"\r\n")
                reply = connection.makefile("rb").read()
            status = b"HTTP/1.1 400 " if expected == b"bad_request" else b"HTTP/1.1 401 "
            self.assertTrue(reply.startswith(status), (headers, reply))
            self.assertEqual(get(stack.gateway.port("http"), "/healthz").status, 200)
            self.assertEqual(get(stack.gateway.port("http"), "/readyz").status, 200)
            self.assertIn(expected, reply, headers)

    def test_a_key_that_is_nearly_right_is_told_as_little_as_any_other(self):
        told = []
        for key in (keys["alice"][:-1] + "x", "glyph-" + "0" * 64, "x"):
            with self.assertRaises(openai.AuthenticationError) as caught:
                chat(key)
            told.append(caught.exception.response.text)
        self.assertEqual(len(set(told)), 1, told)

    def test_pages_of_other_origins_are_refused(self):
        with self.assertRaises(openai.PermissionDeniedError) as caught:
            api(keys["alice"]).models.list(extra_headers={"origin": "https://evil.example"})
        self.assertEqual(caught.exception.code, "origin_not_allowed")


class GrpcTest(unittest.TestCase):
    def test_asks_for_a_key_too(self):
        self.assertEqual(ask("").reason, "KEY_MISSING")
        refused = ask("glyph-wrong")
        self.assertEqual((refused.code, refused.reason), (grpc.StatusCode.UNAUTHENTICATED, "KEY_UNKNOWN"))
        self.assertTrue(ask(keys["alice"]).finished)

    def test_every_wrong_metadata_is_refused(self):
        key = keys["alice"]
        rows = ([("x-api-key", f"Bearer {key}")], "KEY_MISSING"), ([("authorization", key)], "KEY_MISSING"), (
            [("authorization", f"Basic {key}")], "KEY_MISSING"), ([("authorization", "Bearer ")], "KEY_MISSING"), (
            [("authorization", f"Bearer {key[:-1]}")], "KEY_UNKNOWN"), (
            [("authorization", "Bearer " + "k" * 4_000)], "KEY_UNKNOWN"), (
            [("authorization", f"Bearer {key}")] * 2, "KEY_UNKNOWN")
        with Client(stack.gateway.port("grpc")) as client:
            def ask_with(metadata):
                return outcome(lambda: collect(client.stub.Ask(request(text("x")), metadata=metadata, timeout=60)))
            for metadata, reason in rows:
                refused = ask_with(metadata)
                self.assertEqual((refused.code, refused.reason), (grpc.StatusCode.UNAUTHENTICATED, reason), metadata)
            # The library's own limit of metadata.
            self.assertEqual(ask_with([("authorization", "Bearer " + "k" * 10_000)]).code,
                             grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertTrue(ask(key).finished)
        stack.assert_alive()

    def test_tells_a_quota_with_retry_info(self):
        with Client(stack.gateway.port("grpc")) as client:
            held = client.stub.Ask(request(document(PAGE["text"]), text(READ)), timeout=60,
                                   metadata=[("authorization", f"Bearer {keys['single']}")])
            next(held)
            refused = ask(keys["single"])
            held.cancel()
        services.wait_until(lambda: not isinstance(ask(keys["single"]), Failure), what="its place")
        self.assertEqual(refused.code, grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertEqual((refused.reason, refused.retry_s), ("KEY_QUOTA", 1))

    def test_health_is_open_and_reflection_is_off(self):
        with grpc.insecure_channel(stack.gateway.address("grpc")) as channel:
            health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
            self.assertEqual(health.status, health_pb2.HealthCheckResponse.SERVING)
            stub = reflection_pb2_grpc.ServerReflectionStub(channel)
            with self.assertRaises(grpc.RpcError) as caught:
                next(stub.ServerReflectionInfo(iter([
                    reflection_pb2.ServerReflectionRequest(list_services="")])))
            self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_one_key_cannot_tell_what_another_one_asked(self):
        words = {"parts": (document(PAGE["text"] + "\nonly here"), text(READ))}

        def cached(key):
            with Client(stack.gateway.port("grpc")) as client:
                answer = collect(client.stub.Ask(
                    request(*words["parts"], generation={"max_tokens": 1}), timeout=60,
                    metadata=[("authorization", f"Bearer {key}")]))
            return answer.finished.usage.cached_tokens
        self.assertEqual(cached(keys["alice"]), 0)
        self.assertGreater(cached(keys["alice"]), 0)
        self.assertEqual(cached(keys["bob"]), 0)


class KeyFileTest(unittest.TestCase):
    def tearDown(self):
        write_keys(*keys.keys() & lines.keys())

    @staticmethod
    def refused(name):
        return isinstance(ask(keys[name]), Failure)

    def test_changes_while_requests_run(self):
        keys["new"], lines["new"] = make_key("new")
        self.assertTrue(self.refused("new"))
        running = chat(keys["bob"], stream=True, max_tokens=2000)
        said = [next(iter(running))]
        write_keys("alice", "new")
        services.wait_until(lambda: not self.refused("new"), what="the new key")
        self.assertEqual(ask(keys["bob"]).reason, "KEY_UNKNOWN")
        said += running
        self.assertEqual(said[-1].choices[0].finish_reason, "stop")

    def test_a_broken_file_changes_nothing_and_is_counted(self):
        def count():
            return metrics(stack.gateway.port("metrics"))['glyph_key_file_reloads_total{outcome="refused"}']
        before = count()
        key_file.write_text(lines["bob"] + "\nalice\n")
        services.wait_until(lambda: count() == before + 1, what="the refusal of the file")
        self.assertFalse(self.refused("alice"))
        self.assertIn('"event":"key_file_refused"', stack.gateway.log())
        self.assertIn("line 2 of the key file", stack.gateway.log())

    def test_no_key_is_told_to_anybody(self):
        told = stack.gateway.log() + get(stack.gateway.port("metrics"), "/metrics").body
        for name, key in keys.items():
            self.assertNotIn(key, told)
            self.assertNotIn(lines[name].split()[1], told)


if __name__ == "__main__":
    unittest.main()
