"""Unchanged clients of OpenAI's API against the gateway: the openai package, LangChain, curl."""
import base64
import concurrent.futures
import json
import re
import socket
import statistics
import subprocess
import time
import unittest

import httpx2
import openai
import services
from client import Client, Vlm, document, text
from golden import multi_page_documents, one_page_documents
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI

import http_rows
import pictures
from http_client import get, metrics

PAGE = one_page_documents()[0]
PAGES = next(d for d in multi_page_documents() if d["pages"] == 3)
READ = "Read the page."
README = services.SOURCE / "gateway" / "README.md"


def setUpModule():
    global stack, api, vlm, read
    stack = services.Stack()
    stack.__enter__()
    unittest.addModuleCleanup(stack.__exit__, None, None, None)
    api = openai.OpenAI(base_url=f"http://{stack.gateway.address('http')}/v1", api_key="unused")
    unittest.addModuleCleanup(api.close)
    vlm = Vlm(stack.vlm.port("vlm"))
    unittest.addModuleCleanup(vlm.channel.close)
    with Client(stack.gateway.port("grpc")) as client:
        read = client.ask(document(PAGE["text"]), text(READ)).text


def pages(page_text, question):
    return [{"role": "user", "content": [{"type": "document", "document": {"text": page_text}},
                                         {"type": "text", "text": question}]}]


def chat(messages=None, client=None, **options):
    return (client or api).chat.completions.create(
        model="nano", messages=messages or pages(PAGE["text"], READ), **options)


class OpenAiTest(unittest.TestCase):
    def test_answers_as_grpc_does(self):
        completion = chat()
        choice, = completion.choices
        self.assertEqual(choice.message.content, read)
        self.assertEqual((choice.message.role, choice.finish_reason), ("assistant", "stop"))
        usage = completion.usage
        self.assertEqual(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)
        self.assertGreater(usage.prompt_tokens, completion.glyph["visual_tokens"])
        self.assertEqual(completion.glyph["characters"], len(PAGE["text"]))
        self.assertEqual(completion.model, "nano")

    def test_streams_the_same_answer_with_its_usage(self):
        chunks = list(chat(stream=True, stream_options={"include_usage": True}))
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        answer = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        self.assertEqual(answer, read)
        self.assertGreater(sum(bool(c.choices) for c in chunks), 10)
        self.assertEqual([c.choices[0].finish_reason for c in chunks if c.choices][-1], "stop")
        self.assertEqual(len({c.id for c in chunks}), 1)
        self.assertEqual([c.usage is not None for c in chunks], [False] * (len(chunks) - 1) + [True])
        self.assertEqual(chunks[-1].usage.completion_tokens, chat().usage.completion_tokens)

    def test_a_plain_text_above_the_threshold_becomes_pages(self):
        message = [{"role": "user", "content": PAGE["text"] + "\n\n" + READ}]
        never = chat(message, extra_body={"render": "never"}, max_tokens=1)
        drawn = chat(message, extra_body={"render": {"threshold": 50}})
        self.assertEqual(never.glyph["pages"], 0)
        self.assertEqual(drawn.glyph["pages"], 1)
        self.assertEqual(drawn.choices[0].message.content, read)

    def test_reads_several_pages_and_an_image(self):
        found = chat(pages(PAGES["text"], PAGES["question"]))
        self.assertEqual(found.choices[0].message.content, PAGES["expected"])
        url = "data:image/png;base64," + base64.b64encode(pictures.png(56, 56)).decode()
        seen = chat([{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": url, "detail": "high"}},
            {"type": "text", "text": READ}]}], max_tokens=2)
        self.assertEqual(seen.glyph["pages"], 1)

    def test_ends_before_a_stop_string(self):
        stop = read[40:46]
        for stream in (False, True):
            answer = chat(stop=[stop], stream=stream)
            said = ("".join(c.choices[0].delta.content or "" for c in answer) if stream
                    else answer.choices[0].message.content)
            self.assertEqual(said, read[:read.index(stop)])

    def test_ends_at_max_tokens(self):
        completion = chat(max_completion_tokens=7)
        self.assertEqual(completion.choices[0].finish_reason, "length")
        self.assertEqual(completion.usage.completion_tokens, 7)

    def test_gives_several_choices(self):
        completion = chat(n=2, temperature=1.0, seed=3, max_tokens=4)
        self.assertEqual([c.index for c in completion.choices], [0, 1])

    def test_lists_its_model(self):
        self.assertEqual([m.id for m in api.models.list()], ["nano"])
        self.assertEqual(api.models.retrieve("nano").max_model_len, 8192)
        with self.assertRaises(openai.NotFoundError):
            api.models.retrieve("gpt-4o")

    def test_64_at_once_answer_as_one(self):
        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            answers = list(pool.map(lambda i: chat(max_tokens=8, user=str(i)), range(64)))
        self.assertEqual({a.choices[0].message.content for a in answers}, {read[:8]})
        self.assertEqual(len({a.id for a in answers}), 64)


class ErrorTest(unittest.TestCase):
    def test_errors_have_openais_classes_and_fields(self):
        for error, param, options in (
                (openai.BadRequestError, "temperature", {"temperature": 3}),
                (openai.BadRequestError, "max_tokens", {"max_tokens": 10 ** 6}),
                (openai.BadRequestError, "tools",
                 {"tools": [{"type": "function", "function": {"name": "f"}}]}),
                (openai.BadRequestError, "response_format",
                 {"response_format": {"type": "json_object"}})):
            for stream in (False, True):
                with self.assertRaises(error) as caught:
                    chat(stream=stream, **options)
                self.assertEqual(caught.exception.param, param)
                self.assertEqual(caught.exception.type, "invalid_request_error")
                self.assertTrue(caught.exception.request_id)
        with self.assertRaises(openai.NotFoundError):
            api.chat.completions.create(model="gpt-4o", messages=pages("x", "y"))

    def test_nothing_is_fetched(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/a.png"
            with self.assertRaises(openai.BadRequestError) as caught:
                chat([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}])
            self.assertEqual(caught.exception.code, "image_url_not_data")
            listener.setblocking(False)
            with self.assertRaises(BlockingIOError):
                listener.accept()

    def test_a_client_that_gives_up_frees_the_model(self):
        before = vlm.wait_idle()
        with self.assertRaises(openai.APITimeoutError):
            chat(client=api.with_options(timeout=0.05, max_retries=0), seed=1)
        with chat(stream=True) as stream:
            next(iter(stream))
        after = vlm.wait_idle()
        self.assertGreaterEqual(after.cancelled_total, before.cancelled_total + 1)
        self.assertEqual(after.kv_blocks_used, 0)

    def test_a_full_gateway_is_retried(self):
        options = ("--max-requests", 1)
        gateway = services.start_gateway(stack.folder, stack.render.address("render"),
                                         stack.vlm.address("vlm"), *options)
        self.addCleanup(gateway.stop)
        services.wait_until(lambda: get(gateway.port("http"), "/readyz").status == 200)
        attempts = []
        with httpx2.Client(event_hooks={"response": [lambda r: attempts.append(r)]}) as http:
            client = openai.OpenAI(base_url=f"http://{gateway.address('http')}/v1", api_key="unused",
                                   http_client=http)
            # It goes on until it is closed: nano's stop tokens are kept out.
            with chat(client=client, stream=True, max_tokens=4000, logit_bias={"256": -100, "263": -100}) as held:
                next(iter(held))
                refused = client.with_options(max_retries=0)
                with self.assertRaises(openai.RateLimitError) as caught:
                    chat(client=refused, max_tokens=1)
                self.assertEqual(caught.exception.response.headers["retry-after"], "1")
                with concurrent.futures.ThreadPoolExecutor() as pool:
                    attempts.clear()
                    waiting = pool.submit(chat, client=client, max_tokens=1)
                    services.wait_until(lambda: attempts, what="the first attempt")
                    held.close()
                    self.assertEqual(waiting.result().usage.completion_tokens, 1)
            *before, last = [a.status_code for a in attempts]
            self.assertEqual((set(before), last), ({429}, 200))

    def test_a_stream_finishes_while_the_gateway_drains(self):
        gateway = services.start_gateway(stack.folder, stack.render.address("render"),
                                         stack.vlm.address("vlm"))
        self.addCleanup(gateway.kill)
        with openai.OpenAI(base_url=f"http://{gateway.address('http')}/v1", api_key="unused",
                           max_retries=0) as client:
            stream = iter(chat(client=client, stream=True))
            said = [next(stream)]
            gateway.terminate()
            services.wait_until(lambda: self.is_refused(client), what="the refusal of new requests")
            said += stream
        self.assertEqual("".join(c.choices[0].delta.content or "" for c in said), read)
        self.assertEqual(gateway.wait(), 0)

    @staticmethod
    def is_refused(client):
        try:
            chat(client=client, max_tokens=1)
        except openai.InternalServerError as error:
            return error.code == "draining"
        return False

    def test_a_vlm_that_is_away_is_said_so(self):
        gateway = services.start_gateway(stack.folder, stack.render.address("render"), "127.0.0.1:1",
                                         "--upstream-wait", 0)
        self.addCleanup(gateway.stop)
        client = openai.OpenAI(base_url=f"http://{gateway.address('http')}/v1", api_key="unused",
                               max_retries=0)
        for call in (lambda: chat(client=client), client.models.list):
            with self.assertRaises(openai.InternalServerError) as caught:
                call()
            self.assertEqual(caught.exception.status_code, 503)
            self.assertEqual(caught.exception.response.headers["retry-after"], "1")


class LangChainTest(unittest.TestCase):
    def test_invokes_and_streams(self):
        model = ChatOpenAI(model="nano", base_url=str(api.base_url), api_key="unused")
        messages = [HumanMessage(content=pages(PAGE["text"], READ)[0]["content"])]
        answer = model.invoke(messages)
        self.assertEqual(answer.content, read)
        self.assertGreater(answer.usage_metadata["input_tokens"], 0)
        chunks = list(model.stream(messages, stream_usage=True))
        self.assertEqual("".join(c.content for c in chunks), read)
        self.assertEqual(sum(bool(c.usage_metadata) for c in chunks), 1)


class HttpTest(unittest.TestCase):
    def test_request_ids_come_back(self):
        reply = api.chat.completions.with_raw_response.create(
            model="nano", messages=pages(PAGE["text"], READ), max_tokens=1,
            extra_headers={"x-request-id": "mine-1"})
        self.assertEqual(reply.headers["x-request-id"], "mine-1")
        self.assertEqual(reply.parse().id, "chatcmpl-mine-1")
        self.assertIn('"request_id":"mine-1"', stack.gateway.log())

    def test_names_of_others_are_refused(self):
        request = (b"GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        with socket.create_connection(("127.0.0.1", stack.gateway.port("http"))) as connection:
            connection.sendall(request)
            self.assertTrue(connection.makefile("rb").readline().startswith(b"HTTP/1.1 403 "))

    def test_every_documented_path_is_served(self):
        described = json.loads(get(stack.gateway.port("http"), "/openapi.json").body)
        for path, operations in described["paths"].items():
            for method in operations:
                reply = get(stack.gateway.port("http"), path.replace("{id}", "nano"), method.upper())
                self.assertNotIn(reply.status, (404, 405), path)

    def test_the_readmes_examples_run(self):
        examples = re.findall(r"^    (curl .*(?:\n      .*)*)", README.read_text(), re.M)
        self.assertGreaterEqual(len(examples), 4)
        for example in examples:
            command = example.replace("127.0.0.1:8080", stack.gateway.address("http"))
            done = subprocess.run(["bash", "-c", command.replace("curl ", "curl -sS --fail-with-body ", 1)],
                                  cwd=services.SOURCE, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, (command, done.stdout, done.stderr))
            self.assertTrue(done.stdout)
            self.assertNotIn('"error"', done.stdout)


class BadInputTest(unittest.TestCase):
    """Every row gets its answer, and the same processes go on."""
    LEAK = re.compile(r"0x[0-9a-f]{6,}|/(work|home|usr|tmp|root)/|\.(cc|h):\d+|what\(\)|std::")

    def setUp(self):
        self.port = stack.gateway.port("http")

    def check(self, data, status, code, param=None):
        got, headers, body = http_rows.exchange(self.port, data)
        self.assertEqual(got, status, body)
        if code is not None:
            self.check_error(body, code, param)
            self.assertEqual(headers["content-type"], "application/json")
            self.assertTrue(headers["x-request-id"])
        for path in ("/healthz", "/readyz"):
            self.assertEqual(get(self.port, path).status, 200)
        stack.assert_alive()
        return headers

    def check_error(self, body, code, param=None):
        error = json.loads(body)["error"]
        self.assertEqual((error["code"], error["param"]), (code, param), error)
        self.assertEqual(set(error), {"message", "type", "param", "code"})
        self.assertTrue(error["message"] and error["type"])
        self.assertIsNone(self.LEAK.search(body))
        self.assertLess(len(body), 500, "an error is no place for text")

    def test_heads(self):
        for name, data, status, code in http_rows.HEADS:
            with self.subTest(name):
                self.check(data, status, code)

    def test_bodies(self):
        for name, data, status, code, param in http_rows.BODIES:
            with self.subTest(name):
                self.check(http_rows.post(data), status, code, param)

    def test_texts_to_draw(self):
        limit = 16 << 20
        for path in ("/v1/render", "/v1/estimate"):
            for name, text_field, status, code in (
                    ("missing", {}, 400, "field_missing"), ("a number", {"text": 1}, 400, "wrong_type"),
                    ("a byte too many", {"text": "x" * (limit + 1)}, 413, "input_too_large")):
                with self.subTest(path + name):
                    self.check(http_rows.post(json.dumps(text_field).encode(), path), status, code, "text")
        for size in (limit - 1, limit):  # too many pages for a call, but not too many bytes for one
            reply = http_rows.exchange(self.port, http_rows.post(
                json.dumps({"text": "x" * size}).encode(), "/v1/estimate"))
            self.check_error(reply[2], "too_many_pages", "text")

    def test_an_id_in_use_is_refused(self):
        with chat(stream=True, extra_headers={"x-request-id": "twin"}) as held:
            next(iter(held))
            self.check(http_rows.post(http_rows.ASK, fields=http_rows.JSON + b"X-Request-Id: twin\r\n"),
                       409, "request_id_in_use", "request_id")


class StreamingClientTest(unittest.TestCase):
    FIELDS = http_rows.JSON + b"Last-Event-ID: 7\r\n"
    ENDLESS = json.dumps({"stream": True, "max_tokens": 4000, "logit_bias": {"256": -100, "263": -100},  # nano's stops
                          "messages": [{"role": "user", "content": "Which?"}]}).encode()

    def test_an_event_id_begins_a_new_answer_that_no_proxy_holds_back(self):
        body = json.dumps({"stream": True, "max_tokens": 2, "messages": pages(PAGE["text"], READ)}).encode()
        status, headers, answer = http_rows.exchange(
            stack.gateway.port("http"), http_rows.post(body, fields=self.FIELDS))
        self.assertEqual(status, 200)
        self.assertEqual(headers["content-type"], "text/event-stream; charset=utf-8")
        self.assertEqual((headers["cache-control"], headers["x-accel-buffering"]), ("no-cache", "no"))
        self.assertIn('"role":"assistant"', answer)
        self.assertIn("data: [DONE]", answer)

    def test_a_stream_that_breaks_ends_with_its_error(self):
        doomed = services.start_vlm(stack.folder)
        self.addCleanup(doomed.kill)
        gateway = services.start_gateway(stack.folder, stack.render.address("render"), doomed.address("vlm"),
                                         "--upstream-wait", 0)
        self.addCleanup(gateway.stop)
        services.wait_until(lambda: get(gateway.port("http"), "/readyz").status == 200)
        with socket.create_connection(("127.0.0.1", gateway.port("http")), timeout=30) as connection:
            connection.sendall(http_rows.post(self.ENDLESS))
            answer = b""
            while b"data: " not in answer:
                answer += connection.recv(64)
            doomed.kill()
            while received := connection.recv(1 << 16):
                answer += received
        events = re.findall(r"^data: (.*)$", answer.decode(), re.M)
        error = json.loads(events[-1])["error"]
        self.assertEqual((error["type"], error["param"], error["code"]), ("server_error", None, "vlm_unavailable"))
        self.assertTrue(all("choices" in json.loads(event) for event in events[:-1]))
        self.assertEqual(get(gateway.port("http"), "/healthz").status, 200)

    def cancelled(self):
        return metrics(stack.gateway.port("metrics"))['glyph_requests_total{outcome="cancelled"}']

    def test_a_client_that_leaves_within_an_event_is_seen_within_100_ms(self):
        waits = []
        for _ in range(5):
            vlm.wait_idle()
            before = self.cancelled()
            with socket.create_connection(("127.0.0.1", stack.gateway.port("http")), timeout=30) as connection:
                connection.sendall(http_rows.post(self.ENDLESS))
                seen = b""
                while b"data: " not in seen:
                    seen += connection.recv(64)
                services.wait_until(lambda: vlm.stats().running == 1, what="a running request")
            left = time.monotonic()
            while self.cancelled() == before:
                self.assertLess(time.monotonic() - left, 10)
            waits.append(time.monotonic() - left)
        self.assertLessEqual(statistics.median(waits), 0.1, waits)
        self.assertEqual(vlm.wait_idle().kv_blocks_used, 0)


if __name__ == "__main__":
    unittest.main()
