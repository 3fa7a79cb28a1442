"""What a client generated from the protos can rely on: events, cancel, details, health, reflection.

And what `glyph` says of bad input.
"""
import hashlib
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import grpc
import services
from client import (Answer, Client, Failure, Vlm, collect, document, image, outcome, read_runs, request,
                    text)
from golden import multi_page_documents, one_page_documents
from google.protobuf import descriptor_pb2
from health.v1 import health_pb2, health_pb2_grpc
from http_client import get, metrics

import cli
import pictures
import reflection_pb2
import reflection_pb2_grpc
from glyph.v1 import gateway_pb2, vlm_pb2

SERVICE_NAMES = {"render": "glyph.v1.RenderService", "vlm": "glyph.v1.VlmService",
                 "gateway": "glyph.v1.GlyphService"}
PAGE = one_page_documents()[0]
PAGES = next(d for d in multi_page_documents() if d["pages"] == 3)
STOP_TOKENS = (256, 263)  # nano's
STOP, LENGTH = vlm_pb2.FINISH_REASON_STOP, vlm_pb2.FINISH_REASON_LENGTH


def setUpModule():
    global stack, client, vlm
    stack = services.Stack()
    stack.__enter__()
    unittest.addModuleCleanup(stack.__exit__, None, None, None)
    client = Client(stack.gateway.port("grpc"))
    vlm = Vlm(stack.vlm.port("vlm"))
    unittest.addModuleCleanup(client.channel.close)
    unittest.addModuleCleanup(vlm.channel.close)


class AskTest(unittest.TestCase):
    def test_streams_plan_pages_text_and_usage(self):
        answer = client.ask(document(PAGES["text"]), text(PAGES["question"]), request_id="first")
        self.assertEqual(answer.text, PAGES["expected"])
        self.assertEqual(answer.plan.request_id, "first")
        self.assertEqual(answer.plan.characters, len(PAGES["text"]))
        usage = answer.finished.usage
        self.assertEqual(answer.finished.reason, STOP)
        self.assertEqual(usage.pages, 3)
        self.assertLessEqual(usage.pages, answer.plan.max_pages)
        self.assertLessEqual(usage.visual_tokens, answer.plan.max_visual_tokens)
        self.assertLessEqual(answer.plan.max_visual_tokens,
                             max(1.2 * usage.visual_tokens, usage.visual_tokens + 190))
        self.assertEqual(usage.characters, len(PAGES["text"]))
        self.assertEqual(usage.output_tokens, len(answer.ids) + 1)  # the stop token gives no text
        self.assertGreater(usage.prompt_tokens, usage.visual_tokens)
        for stage in (usage.render_ms, usage.prefill_ms, usage.first_token_ms):
            self.assertGreater(stage, 0)
        self.assertLessEqual(usage.first_token_ms, usage.total_ms)

    def test_tells_when_each_page_is_drawn_and_encoded(self):
        answer = client.ask(document(PAGES["text"]), text(PAGES["question"]))
        drawn = [p for p in answer.pages if p.stage == gateway_pb2.PAGE_STAGE_DRAWN]
        encoded = [p for p in answer.pages if p.stage == gateway_pb2.PAGE_STAGE_ENCODED]
        self.assertEqual([p.page_index for p in drawn], [0, 1, 2])
        self.assertEqual([p.page_index for p in encoded], [0, 1, 2])
        for page, shape in zip(encoded, drawn, strict=True):
            self.assertLess(answer.pages.index(shape), answer.pages.index(page))
            self.assertEqual(page.visual_tokens, shape.width_px * shape.height_px // 28 ** 2)
        self.assertEqual(sum(p.visual_tokens for p in encoded), answer.finished.usage.visual_tokens)

    def test_a_page_is_read_once(self):
        before = vlm.wait_idle()
        first, second = (client.ask(document("Quay 31: reserved for the ferry."), text("Read the page."),
                                    generation={"max_tokens": 12}) for _ in range(2))
        after = vlm.wait_idle()
        self.assertEqual(second.ids, first.ids)
        self.assertGreater(first.finished.usage.vision_ms, 0)
        self.assertEqual(second.finished.usage.vision_ms, 0)
        self.assertGreater(second.finished.usage.cached_tokens, 0)
        self.assertEqual(after.pages_encoded_total - before.pages_encoded_total, 1)
        self.assertEqual(after.pages_reused_total - before.pages_reused_total, 1)

    def test_included_strips_are_the_pages_render_pages_draws(self):
        answer = client.ask(document(PAGES["text"]), text(PAGES["question"]), include_pages=True)
        headers, pixels, done = client.render(PAGES["text"].encode())
        received = [b"".join(s.pixels for s in answer.strips if s.page_index == i) for i in range(3)]
        self.assertEqual(received, pixels)
        self.assertEqual([len(p) for p in pixels], [h.width_px * h.height_px for h in headers])
        self.assertEqual(done.pages, 3)
        self.assertEqual(len({h.page_key for h in headers}), 3)

    def test_source_map_covers_the_text_once(self):
        call = client.stub.Ask(request(document(PAGE["text"]), text("Read the page."),
                                       include_source_map=True), timeout=60)
        boxes = [b for e in call if e.WhichOneof("event") == "source_map" for b in e.source_map.boxes]
        covered = b"".join(PAGE["text"].encode()[b.source_begin:b.source_end] for b in boxes)
        self.assertEqual(b"".join(covered.split()), b"".join(PAGE["text"].encode().split()))

    def test_exact_source_map_gives_every_character_a_box(self):
        call = client.stub.Ask(request(document(PAGE["text"]), text("Read the page."),
                                       render={"exact_source_map": True}, include_source_map=True), timeout=60)
        maps = [e.source_map for e in call if e.WhichOneof("event") == "source_map"]
        clusters = [c for source_map in maps for c in read_runs(source_map)]
        source = PAGE["text"].encode()
        covered = b"".join(source[begin:end] for begin, end, *_ in clusters)
        self.assertEqual(b"".join(covered.split()), b"".join(source.split()))
        # All of nano's glyphs are of whole characters, from left to right.
        for (begin, end, left, top, width), (after, _, next_left, next_top, _) in zip(clusters, clusters[1:]):
            source[begin:end].decode()
            self.assertTrue(width > 0 and (next_top > top or (after == end and next_left == left + width)))

    def test_ask_stream_in_chunks_answers_as_ask(self):
        data = PAGES["text"].encode()
        start = request(document(b""), text(PAGES["question"]))
        chunks = [gateway_pb2.AskPartChunk(part_index=0, data=data[i:i + 97])
                  for i in range(0, len(data), 97)]
        messages = [gateway_pb2.AskStreamRequest(start=start)]
        messages += [gateway_pb2.AskStreamRequest(chunk=chunk) for chunk in chunks]
        streamed = collect(client.stub.AskStream(iter(messages), timeout=60))
        whole = client.ask(document(data), text(PAGES["question"]))
        self.assertEqual(streamed.ids, whole.ids)
        self.assertEqual(streamed.text, PAGES["expected"])

    def test_images_of_three_formats_become_pages(self):
        for data in (pictures.png(56, 56), pictures.JPEG, pictures.WEBP):
            answer = client.ask(image(data), text("Read the page."), generation={"max_tokens": 2})
            self.assertEqual(answer.finished.usage.pages, 1)

    def test_ends_before_a_stop_string(self):
        text_of_page = client.ask(document(PAGE["text"]), text("Read the page.")).text
        stop = text_of_page[40:46]
        answer = client.ask(document(PAGE["text"]), text("Read the page."), generation={"stop": [stop]})
        self.assertEqual(answer.text, text_of_page[:text_of_page.index(stop)])

    def test_ends_at_max_tokens(self):
        answer = client.ask(document(PAGE["text"]), text("Read the page."), generation={"max_tokens": 7})
        self.assertEqual(answer.finished.reason, LENGTH)
        self.assertEqual(len(answer.ids), 7)

    def test_an_answer_goes_on_after_forced_ids(self):
        whole = client.ask(document(PAGE["text"]), text("Read the page."), generation={"max_tokens": 20})
        rest = client.ask(document(PAGE["text"]), text("Read the page."), generation={"max_tokens": 20},
                          forced_output_ids=whole.ids[:9])
        self.assertEqual(whole.ids[:9] + rest.ids, whole.ids)
        self.assertTrue(whole.text.endswith(rest.text))
        self.assertEqual(rest.finished.usage.output_tokens, 20)

    def test_the_same_seed_gives_the_same_tokens(self):
        options = {"temperature": 2.0, "seed": 11, "max_tokens": 40}  # no page: nano guesses wildly
        runs = [client.ask(text("Which?"), generation=options).ids for _ in range(2)]
        other = client.ask(text("Which?"), generation=options | {"seed": 12}).ids
        self.assertEqual(runs[0], runs[1])
        self.assertNotEqual(runs[0], other)


class CancelTest(unittest.TestCase):
    def test_cancel_in_mid_stream_frees_every_block(self):
        before = vlm.wait_idle()
        call = client.stub.Ask(request(document(PAGE["text"]), text("Read the page.")))
        for event in call:
            if event.WhichOneof("event") == "delta":
                break
        during = vlm.stats()
        self.assertEqual(during.running, 1)
        self.assertGreater(during.kv_blocks_used, 0)
        call.cancel()
        after = vlm.wait_idle()
        self.assertEqual(after.cancelled_total, before.cancelled_total + 1)
        self.assertEqual(after.finished_total, before.finished_total)

    def test_cancel_before_the_first_event_frees_everything(self):
        for _ in range(20):
            client.stub.Ask(request(document(PAGE["text"]), text("Read the page."))).cancel()
        self.assertEqual(vlm.wait_idle().kv_blocks_used, 0)
        self.assertEqual(client.ask(document(PAGE["text"]), text("Read the page.")).finished.reason, STOP)

    def test_a_deadline_in_mid_stream_frees_every_block(self):
        failure = client.failure_of_ask(request(document(PAGE["text"]), text("Read the page.")), timeout=0.15)
        if isinstance(failure, Failure):  # a fast machine may finish in time
            self.assertEqual(failure.code, grpc.StatusCode.DEADLINE_EXCEEDED)
        self.assertEqual(vlm.wait_idle().kv_blocks_used, 0)

    def test_a_broken_connection_frees_every_block(self):
        with Client(stack.gateway.port("grpc"), **{"grpc.use_local_subchannel_pool": 1}) as other:
            call = other.stub.Ask(request(document(PAGE["text"]), text("Read the page.")))
            next(call)
        self.assertEqual(vlm.wait_idle().kv_blocks_used, 0)


class ErrorDetailsTest(unittest.TestCase):
    def test_bad_input_names_field_reason_and_limit(self):
        failure = client.failure_of_ask(request(text("x"), generation={"temperature": 2.5}))
        self.assertEqual(failure.code, grpc.StatusCode.INVALID_ARGUMENT)
        self.assertEqual(failure.fields, ("generation.temperature",))
        self.assertEqual(failure.domain, "glyph")
        self.assertRegex(failure.reason, "^[A-Z][A-Z0-9_]+$")
        self.assertRegex(failure.message, r"2\.5.*\b2\b")

    def test_two_calls_of_one_id_at_once_are_refused(self):
        ask = request(document(PAGE["text"]), text("Read the page."), request_id="twin")
        call = client.stub.Ask(ask)
        next(call)
        failure = client.failure_of_ask(ask)
        call.cancel()
        self.assertEqual(failure.code, grpc.StatusCode.ALREADY_EXISTS)
        services.wait_until(lambda: isinstance(client.failure_of_ask(ask), Answer),
                            what="the id's end with its call")


class ServerTest(unittest.TestCase):
    def channels(self):
        for name, port in (("render", stack.render.port("render")), ("vlm", stack.vlm.port("vlm")),
                           ("gateway", stack.gateway.port("grpc"))):
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield name, channel

    def test_health_answers_for_the_server_and_its_service(self):
        for name, channel in self.channels():
            stub = health_pb2_grpc.HealthStub(channel)
            for service in ("", SERVICE_NAMES[name]):
                reply = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
                self.assertEqual(reply.status, health_pb2.HealthCheckResponse.SERVING, (name, service))
            unknown = outcome(lambda: stub.Check(
                health_pb2.HealthCheckRequest(service="no.such"), timeout=10))
            self.assertEqual(unknown.code, grpc.StatusCode.NOT_FOUND)

    def test_reflection_lists_the_service_and_its_contract(self):
        for name, channel in self.channels():
            stub = reflection_pb2_grpc.ServerReflectionStub(channel)
            questions = [reflection_pb2.ServerReflectionRequest(list_services=""),
                         reflection_pb2.ServerReflectionRequest(
                             file_containing_symbol=SERVICE_NAMES[name])]
            listed, files = stub.ServerReflectionInfo(iter(questions), timeout=10)
            names = {service.name for service in listed.list_services_response.service}
            self.assertLessEqual({SERVICE_NAMES[name], "grpc.health.v1.Health"}, names)
            protos = [descriptor_pb2.FileDescriptorProto.FromString(data)
                      for data in files.file_descriptor_response.file_descriptor_proto]
            services_found = {f"{p.package}.{s.name}" for p in protos for s in p.service}
            self.assertIn(SERVICE_NAMES[name], services_found)

    def test_status_tells_model_and_services(self):
        status = client.status()
        self.assertEqual({s.name: s.ready for s in status.services},
                         {"render_service": True, "vlm_service": True})
        self.assertEqual(status.model.vocab_size, 320)
        self.assertEqual(status.model.num_parameters, 19_901_120)
        self.assertEqual((status.model.dtype, status.model.device), ("float32", "cpu"))
        self.assertEqual(sorted(status.model.stop_token_ids), list(STOP_TOKENS))
        self.assertEqual(status.model.render_profile_json,
                         (services.NANO / "render_profile.json").read_bytes())

    def test_status_follows_the_load(self):
        # Without stop tokens longer than the second between two reports of the load.
        options = {"max_tokens": 4000, "logit_bias": [{"token_id": i, "bias": -100} for i in STOP_TOKENS]}
        call = client.stub.Ask(request(text("Which?"), generation=options))
        services.wait_until(lambda: client.status().stats.running == 1, what="one running request")
        self.assertEqual(client.status().requests_in_flight, 1)
        call.cancel()
        services.wait_until(lambda: not client.status().stats.kv_blocks_used, what="free blocks")
        self.assertEqual(client.status().requests_in_flight, 0)

    def test_render_draws_the_same_bytes_every_time(self):
        digests = set()

        def draw():
            _, pixels, _ = client.render(PAGES["text"].encode())
            digests.add(hashlib.sha256(b"".join(pixels)).hexdigest())

        threads = [threading.Thread(target=draw) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(digests), 1)


class CommandLineTest(unittest.TestCase):
    """Bad input of `glyph`: the exit code of sysexits, one line that says why, and the system goes on."""
    LIMIT = 16 << 20
    USAGE, DATA, NO_INPUT, UNAVAILABLE, IO = (os.EX_USAGE, os.EX_DATAERR, os.EX_NOINPUT, os.EX_UNAVAILABLE,
                                              os.EX_IOERR)

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="glyph-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, data):
        path = self.folder / "input"
        path.write_bytes(data)
        return path

    @staticmethod
    def glyph(command, *arguments, server=None, stdin=b""):
        return cli.run(command, "--server", server or stack.gateway.address("grpc"), *arguments, stdin=stdin)

    def check(self, done, code, why):
        self.assertEqual((done.returncode, done.stdout), (code, b""), done)
        self.assertRegex(done.stderr.decode(errors="replace"), rf"^glyph: .*{why}.*\n$")
        self.assert_serves()

    def assert_serves(self):
        for path in ("/healthz", "/readyz"):
            self.assertEqual(get(stack.gateway.port("http"), path).status, 200)
        stack.assert_alive()

    def test_wrong_options(self):
        for arguments, why in (
                (("ask", "--nonsense", "Q"), "--nonsense"), (("ask",), "question"), ((), "subcommand"),
                (("explain", "Q"), "subcommand|explain"), (("ask", "--top-k", "-1", "Q"), "--top-k"),
                (("ask", "--seed", "1", "--seed", "2", "Q"), "--seed"), (("ask", "--server", "", "Q"), "host:port"),
                (("ask", "--max-tokens", "4294967296", "Q"), "--max-tokens"),
                (("ask", "--profile", b"\xff", "Q"), "UTF-8"), (("bench", "--rate", "nan", "Q"), "--rate")):
            with self.subTest(arguments):
                done = subprocess.run([services.BIN / "glyph", *arguments], capture_output=True, check=False,
                                      stdin=subprocess.DEVNULL, timeout=60)
                self.check(done, self.USAGE, why)

    def test_documents_that_are_no_text(self):
        broken = self.file(b"ab\xffc")
        for command, *rest in (("ask", "Q"), ("render", "-o", self.folder), ("estimate",),
                               ("bench", "--requests", 1, "Q")):
            with self.subTest(command):
                done = self.glyph(command, "--file", broken, *rest)
                self.assertEqual(done.returncode, self.DATA, done)
                self.assertIn(b"byte 2 of document.text", done.stderr)
        self.assertEqual(self.glyph("ask", "--lenient", "--max-tokens", 1, "--file", broken, "Q").returncode, 0)
        self.check(self.glyph("ask", os.fsdecode(b"Q\xff")), self.DATA, "UTF-8")
        self.check(self.glyph("ask", "--file", self.file(b" \n\n"), "Q"), self.DATA, "EMPTY_DOCUMENT")

    def test_nothing_on_stdin(self):
        self.check(self.glyph("ask", "--file", "-", "Q"), self.DATA, "EMPTY_DOCUMENT")
        self.check(self.glyph("ask", ""), self.DATA, "PARTS_OUT_OF_RANGE")
        asked = self.glyph("ask", "--max-tokens", 1, "Q")  # an empty pipe is no document
        self.assertEqual((asked.returncode, asked.stderr), (0, b""))
        chatted = self.glyph("chat")
        self.assertEqual((chatted.returncode, chatted.stdout, chatted.stderr), (0, b"", b""))
        self.assertIn(b"pages          0\n", self.glyph("estimate", "--file", "-").stdout)
        self.assertIn(b"0 pages in ", self.glyph("render", "--file", "-", "-o", self.folder).stdout)

    def test_files_that_cannot_be_read(self):
        for path, why in ((self.folder / "none", "No such file"), (self.folder, "Is a directory"),
                          ("/proc/self/mem", "Input/output error")):
            for command, *rest in (("ask", "Q"), ("render", "-o", self.folder), ("estimate",)):
                with self.subTest(f"{command} {path}"):
                    self.check(self.glyph(command, "--file", path, *rest), self.NO_INPUT, why)
            self.check(self.glyph("ask", "--image", path, "Q"), self.NO_INPUT, why)
        secret = self.file(b"x")
        secret.chmod(0)
        ask = [services.BIN / "glyph", "ask", "--file", secret, "Q"]
        if os.geteuid() == 0:  # may read it all the same, unless it cannot
            ask = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *ask]
        self.check(subprocess.run(ask, capture_output=True, check=False, timeout=60), self.NO_INPUT,
                   "Permission denied")

    def test_a_fifo_is_read_to_its_end(self):
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        writer = threading.Thread(target=fifo.write_bytes, args=(b"Key: value\n" * 2_000,))
        writer.start()
        self.assertIn(b"22000 characters", self.glyph("estimate", "--file", fifo).stdout)
        writer.join()

    def test_files_at_the_limit(self):
        for option, why in (("--file", "TOO_MANY_PAGES"), ("--image", "IMAGE_UNSUPPORTED")):
            for size, reason in ((self.LIMIT - 1, why), (self.LIMIT, why), (self.LIMIT + 1, "INPUT_TOO_LARGE")):
                with self.subTest(f"{option} {size}"):
                    self.check(self.glyph("ask", option, self.file(b"x" * size), "Q"), self.DATA, reason)
        self.check(self.glyph("ask", "--file", "/dev/zero", "Q"), self.DATA, str(self.LIMIT))

    def test_a_key_that_is_none(self):
        for key in ("", "two words"):
            done = subprocess.run([services.BIN / "glyph", "ask", "Q"], env={"GLYPH_API_KEY": key}, check=False,
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
            self.check(done, self.DATA, "GLYPH_API_KEY holds no key")

    def test_servers_that_are_no_gateway(self):
        for server in ("127.0.0.1:1", "no.such.host.invalid:1", stack.gateway.address("http"),
                       stack.vlm.address("vlm")):
            for command, *rest in (("ask", "Q"), ("status",)):
                with self.subTest(f"{command} {server}"):
                    self.check(self.glyph(command, *rest, server=server), self.UNAVAILABLE, "no gateway answers")

    def test_servers_that_say_nothing_or_something_else(self):
        for says in (b"", b"SSH-2.0-other\r\n"):
            with socket.create_server(("127.0.0.1", 0)) as listener:
                thread = threading.Thread(target=self.say, args=(listener, says))
                thread.start()
                start = time.monotonic()
                done = self.glyph("status", server=f"127.0.0.1:{listener.getsockname()[1]}")
                self.check(done, self.UNAVAILABLE, "no gateway answers")
                self.assertLess(time.monotonic() - start, 10)
                thread.join()

    @staticmethod
    def say(listener, words):
        with listener.accept()[0] as connection:
            connection.sendall(words)
            while connection.recv(1 << 10):
                pass

    def cancelled(self):
        return metrics(stack.gateway.port("metrics"))['glyph_requests_total{outcome="cancelled"}']

    def test_an_answer_that_is_interrupted_or_read_no_further_is_cancelled(self):
        glyph = [services.BIN / "glyph", "ask", "--server", stack.gateway.address("grpc"),
                 "--file", self.file(PAGE["text"].encode()), "Read the page."]  # 395 tokens
        cannot_write = b"glyph: cannot write to stdout; is the disk full?\n"
        cases = {"Ctrl-C": (glyph, 130, b"glyph: cancelled\n"), "closed pipe": (glyph, -signal.SIGPIPE, b""),
                 "closed pipe without SIGPIPE": (["sh", "-c", "trap '' PIPE; exec \"$@\"", "sh", *glyph], self.IO,
                                                 cannot_write),
                 "full disk": (["sh", "-c", "exec \"$@\" >/dev/full", "sh", *glyph], self.IO, cannot_write)}
        for name, (command, code, told) in cases.items():
            with self.subTest(name):
                before, vlm_before = self.cancelled(), vlm.wait_idle()
                with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE) as process:
                    if name != "full disk":
                        self.assertTrue(process.stdout.read(1))
                    if name == "Ctrl-C":
                        process.send_signal(signal.SIGINT)
                    else:
                        process.stdout.close()
                    self.assertEqual(process.wait(60), code)
                    self.assertEqual(process.stderr.read(), told)
                services.wait_until(lambda: self.cancelled() == before + 1, what="a cancelled request")  # noqa: B023
                after = vlm.wait_idle()
                self.assertEqual(after.cancelled_total, vlm_before.cancelled_total + 1)
                self.assertEqual(after.finished_total, vlm_before.finished_total)
                self.assert_serves()


if __name__ == "__main__":
    unittest.main()
