"""Every bad input gets the stated code, a reason and a field; no reply leaks; no process dies.

One row a case: (name, request, code, field). OK rows are odd input that must be taken.
"""
import math
import re
import threading
import unittest
import zlib

import grpc
import services
from client import Answer, Client, Failure, Vlm, collect, document, image, outcome, request, text
from golden import one_page_documents

import pictures
import raw_http2
from glyph.v1 import gateway_pb2, vlm_pb2

CANARY = "CanaryPhrase"  # must never come back in an error nor stand in a log
LEAK = re.compile(r"0x[0-9a-f]{6,}|/(work|home|usr|tmp|root|etc|proc)/|\.(cc|h|cpp|py):\d+|what\(\)"
                  r"|std::|terminate called", re.IGNORECASE)
OK, INVALID, RANGE, EXHAUSTED, EXISTS, LATE, UNIMPLEMENTED = (
    None, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNIMPLEMENTED)
QUESTION = text(f"Find: {CANARY}")
SHORT = {"max_tokens": 3}
MIB = 1 << 20


def setUpModule():
    global stack, client, vlm, pids
    stack = services.Stack()
    stack.__enter__()
    unittest.addModuleCleanup(stack.__exit__, None, None, None)
    client = Client(stack.gateway.port("grpc"))
    vlm = Vlm(stack.vlm.port("vlm"))
    unittest.addModuleCleanup(client.channel.close)
    unittest.addModuleCleanup(vlm.channel.close)
    pids = [service.pid for service in stack.services()]


def tearDownModule():
    stack.assert_alive()
    assert [service.pid for service in stack.services()] == pids
    for service in stack.services():
        assert CANARY not in service.log(), f"{service.name} logs text of users"


class BadInputCase(unittest.TestCase):
    """Runs rows. After each group of rows the same processes answer and hold no block."""

    def tearDown(self):
        stack.assert_alive()
        self.assertIsInstance(client.failure_of_ask(doc("Key: value")), Answer)
        self.assertEqual(vlm.wait_idle(30).kv_blocks_used, 0)

    def check_failure(self, failure, code, field=None):
        self.assertIsInstance(failure, Failure, "it was accepted")
        self.assertEqual(failure.code, code, failure)
        self.assertRegex(failure.reason, "^[A-Z][A-Z0-9_]+$", failure)
        self.assertEqual(failure.domain, "glyph")
        self.assertTrue(failure.message)
        self.assert_tells_nothing(failure)
        if code == INVALID:
            self.assertNotIn(failure.reason, ("INVALID_ARGUMENT", ""), failure)
            self.assertTrue(failure.fields, f"no field: {failure}")
        if field is not None:
            self.assertIn(field, failure.fields, failure)

    def assert_tells_nothing(self, failure):
        told = " ".join((failure.message, failure.reason, *failure.fields))
        self.assertIsNone(LEAK.search(told), told)
        self.assertNotIn(CANARY, told)
        self.assertLess(len(failure.message), 500, "an error is no place for text")

    def run_rows(self, rows):
        for name, ask_request, code, field in rows:
            with self.subTest(name):
                result = client.failure_of_ask(ask_request, timeout=60)
                if code is OK:
                    self.assertIsInstance(result, Answer, result)
                else:
                    self.check_failure(result, code, field)


def doc(data, **fields):
    fields.setdefault("generation", SHORT)
    return request(document(data), QUESTION, **fields)


class RenderTextTest(BadInputCase):
    DOCUMENT = "parts[0].document.text"

    def test_bytes_that_are_no_utf8_are_refused_with_their_offset(self):
        for name, data, offset in (
                ("lone continuation", b"abc\x80def", 3), ("overlong", b"\xc0\x80", 0),
                ("surrogate", b"ab\xed\xa0\x80", 2), ("above U+10FFFF", b"x\xf4\x90\x80\x80", 1),
                ("truncated tail", b"abcd\xe4\xb8", 4), ("0xff", b"\n\n\xff", 2)):
            with self.subTest(name):
                failure = client.failure_of_ask(doc(data))
                self.check_failure(failure, INVALID, self.DOCUMENT)
                self.assertRegex(failure.message, rf"\b{offset}\b")
                answer = client.failure_of_ask(doc(data, render={"lenient_utf8": True}))
                self.assertIsInstance(answer, Answer, answer)
                self.assertIn("REPLACED_BYTES", answer.finished.warnings)

    def test_a_document_without_ink_is_refused_and_reaches_no_encoder(self):
        before = vlm.wait_idle().pages_encoded_total
        for data in (b"", b" ", b"\n\n\n", b" \t \r\n" * 100, "\u3000\u2003".encode(), b"\n" * 200_000):
            with self.subTest(data[:10]):
                failure = client.failure_of_ask(doc(data))
                self.check_failure(failure, INVALID, "parts")
                self.assertEqual(failure.reason, "EMPTY_DOCUMENT")
        self.assertEqual(vlm.wait_idle().pages_encoded_total, before)

    def test_odd_characters_are_drawn_or_counted(self):
        rows = [("NUL", b"a\0b", "CONTROL_CHARACTERS"), ("C0", b"a\x01\x1b[31mb", "CONTROL_CHARACTERS"),
                ("C1", "a\x85\x9bb".encode(), "CONTROL_CHARACTERS"),
                ("inner BOM", "a\ufeffb".encode(), "CONTROL_CHARACTERS"),
                ("zero width", "a\u200b\u2060b".encode(), "CONTROL_CHARACTERS"),
                ("tags block", "a\U000e0041\U000e0042b".encode(), "CONTROL_CHARACTERS"),
                ("bidi controls", ("\u202e" * 200 + "abc").encode(), "CONTROL_CHARACTERS"),
                ("noncharacter", "a\uffffb".encode(), "MISSING_GLYPHS"),
                ("private use", "a\ue123b".encode(), "MISSING_GLYPHS"),
                ("unassigned", "a\u0378b".encode(), "MISSING_GLYPHS")]
        for name, data, warning in rows:
            with self.subTest(name):
                answer = client.failure_of_ask(doc(data))
                self.assertIsInstance(answer, Answer, answer)
                self.assertIn(warning, answer.finished.warnings)

    def test_scripts_and_line_ends_of_any_kind_are_taken(self):
        samples = ("\u0645\u0631\u062d\u0628\u0627 abc \u05e9\u05dc\u05d5\u05dd", "\u0928\u092e\u0938\u094d\u0924\u0947",
                   "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u4f60\u597d\U00020000\U0002a6d6",
                   "a\rb\r\nc\u2028d\u2029e\x0bf\x0cg", "e" + "\u0301" * 40, "\u0915\u094d\u200d\u0937",
                   "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 50, "\ufeffabc", "#" * 300, "[" * 3000)
        for sample in samples:
            with self.subTest(sample[:8]):
                result = client.failure_of_ask(doc(sample))
                self.assertIsInstance(result, Answer, result)

    def test_huge_documents_are_refused_with_the_limit(self):
        too_large = client.failure_of_ask(doc(b"a" * (16 * MIB + 1)))
        self.check_failure(too_large, INVALID, self.DOCUMENT)
        too_many_pages = client.failure_of_ask(doc(b"line\n" * 200_000), timeout=60)
        self.check_failure(too_many_pages, INVALID)
        message = outcome(lambda: collect(client.stub.Ask(doc(b"a" * (20 * MIB)), timeout=60)))
        self.assertEqual(message.code, EXHAUSTED)  # the library's own answer

    def test_hostile_documents_end_in_bounded_time(self):
        cases = {"one line of 5 MB": b"x" * 5_000_000, "marks": ("e" + "\u0301" * 1_000_000).encode(),
                 "joiners": "\U0001f469\u200d".encode() * 300_000, "tabs": b"\t" * 1_000_000 + b"x",
                 "carriage returns": b"\r" * 1_000_000 + b"x", "brackets": b"[" * 100_000,
                 "comments": b"<!--" * 50_000}
        for name, data in cases.items():
            with self.subTest(name):
                result = outcome(lambda: client.render(data, timeout=60))  # noqa: B023
                if isinstance(result, Failure):
                    self.check_failure(result, INVALID)


class RenderOptionsTest(BadInputCase):
    def test_options_out_of_range_are_refused_by_field(self):
        self.run_rows([
            ("unknown profile", doc("x", render={"profile": "no-such"}), INVALID, "render.profile"),
            ("profile like a path", doc("x", render={"profile": "../nano"}), INVALID, "render.profile"),
            ("profile of 65 bytes", doc("x", render={"profile": "a" * 65}), INVALID, "render.profile"),
            ("profile with NUL", doc("x", render={"profile": "nano\0"}), INVALID, "render.profile"),
            ("profile_json", doc("x", render={"profile_json": b"{}"}), INVALID, "render.profile_json"),
            ("257 pages", doc("x", render={"max_pages": 257}), INVALID, "render.max_pages"),
            ("2^32-1 pages", doc("x", render={"max_pages": 2**32 - 1}), INVALID, "render.max_pages"),
            ("more pages than allowed", doc("line\n" * 30, render={"max_pages": 1}), INVALID, None),
            ("256 pages", doc("x", render={"max_pages": 256}), OK, None),
            ("exactly the pages allowed", doc("line\n" * 26, render={"max_pages": 2}), OK, None)])

    def test_another_profile_than_the_models_needs_consent(self):
        other = doc("x", render={"profile": "noto-1024"})
        failure = client.failure_of_ask(other)
        self.assertIsInstance(failure, Failure)
        self.assertIn(failure.code, (INVALID, grpc.StatusCode.FAILED_PRECONDITION))
        self.assertRegex(failure.reason, "PROFILE")
        answer = client.failure_of_ask(doc("x", render={"profile": "noto-1024"},
                                           allow_profile_mismatch=True))
        self.assertIsInstance(answer, Answer, answer)
        self.assertIn("PROFILE_MISMATCH", answer.finished.warnings)


class ImageTest(BadInputCase):
    FIELD = "parts[0].image.data"

    def ask(self, data, **fields):
        return client.failure_of_ask(request(image(data), QUESTION, generation=SHORT, **fields), timeout=60)

    def test_sizes_are_read_or_refused_by_name(self):
        sides = (1, 2, 13, 14, 27, 28, 29, 1024, 1025)
        for width in sides:
            for height in (1, 2, 27, 28, 29, 200, 1025):
                with self.subTest(f"{width}x{height}"):
                    result = self.ask(pictures.png(width, height))
                    if isinstance(result, Failure):
                        self.check_failure(result, INVALID, self.FIELD)

    def test_long_sides_are_read_or_refused_by_name(self):
        for width, height in ((16384, 1), (16384, 28), (1, 16384), (16385, 1), (1, 16385), (16384, 1024),
                              (4096, 4097)):
            with self.subTest(f"{width}x{height}"):
                result = self.ask(pictures.png(width, height))
                if width > 16384 or height > 16384 or width * height > 16_777_216:
                    self.check_failure(result, INVALID, self.FIELD)
                elif isinstance(result, Failure):  # more image tokens than nano's context holds
                    self.check_failure(result, result.code if result.code == RANGE else INVALID)

    def test_broken_and_foreign_files_are_refused(self):
        good = pictures.png(56, 56)
        palette = pictures.SIGNATURE + pictures.header(8, 8, color=pictures.PALETTE) + pictures.chunk(
            b"IDAT", b"") + pictures.chunk(b"IEND", b"")
        cases = {"empty": b"", "text": b"hello", "GIF": pictures.GIF, "SVG": pictures.SVG,
                 "bad checksum": pictures.with_bad_crc(good), "no palette": palette,
                 "no pixels": pictures.bomb(56, 56), "zero width": pictures.bomb(0, 5),
                 "bomb": pictures.bomb(20_000, 20_000), "bomb in range": pictures.bomb(4096, 4096),
                 "broken JPEG": pictures.JPEG[:100], "broken WebP": pictures.WEBP[:30],
                 "one byte above 16 MiB": good + b"\0" * (16 * MIB + 1 - len(good))}
        for name, data in cases.items():
            with self.subTest(name):
                result = self.ask(data)
                self.check_failure(result, INVALID, self.FIELD if data else None)

    def test_a_file_cut_at_any_byte_is_refused(self):
        good = pictures.png(28, 28)
        for length in range(1, len(good) - 12):  # without IEND the picture is whole
            with self.subTest(length):
                self.check_failure(self.ask(good[:length]), INVALID, self.FIELD)

    def test_odd_but_valid_files_are_read(self):
        text_chunk = pictures.chunk(b"tEXt", b"Comment\0hello")
        animation = pictures.chunk(b"acTL", b"\0\0\0\1\0\0\0\0")
        cases = {"16 bit": pictures.png(56, 56, depth=16), "1 bit": pictures.png(56, 56, depth=1),
                 "RGB": pictures.png(56, 56, color=pictures.RGB),
                 "RGBA": pictures.png(56, 56, color=pictures.RGBA),
                 "comment": pictures.png(56, 56, extra=text_chunk),
                 "APNG": pictures.png(56, 56, extra=animation), "JPEG": pictures.JPEG,
                 "WebP": pictures.WEBP, "bytes after IEND": pictures.png(56, 56) + b"tail"}
        for name, data in cases.items():
            with self.subTest(name):
                self.assertIsInstance(self.ask(data), Answer)

    def test_bombs_cost_no_memory(self):
        render_before = stack.render.resident_bytes()
        for _ in range(20):
            self.check_failure(self.ask(pictures.bomb(20_000, 20_000)), INVALID, self.FIELD)
        self.assertLess(stack.render.resident_bytes() - render_before, 80 * MIB)


class SamplingTest(BadInputCase):
    def rows(self, field, values, code, expected_field=None):
        expected_field = f"generation.{field}" if expected_field is None else expected_field
        for value in values:
            options = SHORT | {field: value}
            yield (f"{field}={str(value)[:20]}", request(text("x"), generation=options), code,
                   expected_field if code is INVALID else None)

    def test_values_out_of_range_are_refused_by_field(self):
        nan, inf = math.nan, math.inf
        self.run_rows([
            *self.rows("temperature", (-0.1, 2.001, 1e9, nan, inf, -inf), INVALID),
            *self.rows("top_p", (0.0, -0.1, 1.001, nan, inf), INVALID),
            *self.rows("top_k", (321, 2**31, 2**32 - 1), INVALID),
            *self.rows("repetition_penalty", (0.0, -1.0, 10.01, nan, inf), INVALID),
            *self.rows("max_tokens", (0, 2**31, 2**32 - 1), INVALID),
            *self.rows("min_p", (-0.01, 1.01, nan), INVALID),
            *self.rows("frequency_penalty", (-2.01, 2.01, nan, inf), INVALID),
            *self.rows("presence_penalty", (-2.01, 2.01, nan, -inf), INVALID),
            *self.rows("n", (0, 9, 2**32 - 1), INVALID),
            *self.rows("logprobs", (21, 2**32 - 1), INVALID),
            *self.rows("logit_bias", ([{"token_id": 320}],), INVALID,
                       "generation.logit_bias[0].token_id"),
            *self.rows("logit_bias", ([{"token_id": 5}] * 2,), INVALID,
                       "generation.logit_bias[1].token_id"),
            *self.rows("logit_bias", ([{"token_id": 5, "bias": 100.01}],), INVALID,
                       "generation.logit_bias[0].bias"),
            *self.rows("logit_bias", ([{"token_id": i} for i in range(1025)],), INVALID)])

    def test_stop_strings_out_of_range_are_refused(self):
        for name, stops in (("five", ["a"] * 5), ("empty", [""]), ("one empty", ["a", ""]),
                            ("257 bytes", ["a" * 257]), ("1 MB", ["a" * 1_000_000])):
            with self.subTest(name):
                failure = client.failure_of_ask(request(text("x"), generation={"stop": stops}))
                self.check_failure(failure, INVALID)
                self.assertRegex(failure.fields[0], r"^generation\.stop(\[\d\])?$")

    def test_values_at_the_limits_are_taken(self):
        self.run_rows([
            *self.rows("temperature", (0.0, 2.0), OK), *self.rows("top_p", (1e-6, 1.0), OK),
            *self.rows("top_k", (0, 1, 320), OK), *self.rows("repetition_penalty", (0.01, 1.0, 10.0), OK),
            *self.rows("min_p", (0.0, 1.0), OK), *self.rows("frequency_penalty", (-2.0, 2.0), OK),
            *self.rows("presence_penalty", (-2.0, 2.0), OK),
            *self.rows("logit_bias", ([{"token_id": 319, "bias": 100.0},
                                       {"token_id": 0, "bias": -100.0}],), OK),
            *self.rows("seed", (0, 1, 2**63, 2**64 - 1), OK), *self.rows("n", (1, 8), OK),
            *self.rows("logprobs", (0, 20), OK), *self.rows("max_tokens", (1,), OK),
            *self.rows("stop", (["a" * 256, "b", "c", "d"],), OK)])

    def test_a_prompt_that_leaves_no_room_is_out_of_range(self):
        context = client.status().model.context_tokens
        failure = client.failure_of_ask(request(text("x"), generation={"max_tokens": context}))
        self.check_failure(failure, RANGE)
        self.check_failure(client.failure_of_ask(request(text("x" * int(context)))), RANGE)


class RequestTest(BadInputCase):
    def test_requests_without_sense_are_refused(self):
        self.run_rows([
            ("no part", request(), INVALID, "parts"),
            ("65 parts", request(*[text("x")] * 65), INVALID, "parts"),
            ("empty part", request(gateway_pb2.AskPart()), INVALID, "parts[0]"),
            ("only empty text", request(text("")), INVALID, "parts"),
            ("texts of 512 KiB + 1", request(text("x" * (512 << 10)), text("y")), INVALID, None),
            ("id of 129 bytes", request(text("x"), request_id="a" * 129), INVALID, "request_id"),
            ("id with newline", request(text("x"), request_id="a\nb"), INVALID, "request_id"),
            ("id with umlaut", request(text("x"), request_id="\u00fc"), INVALID, "request_id"),
            ("id of 128 bytes", request(text("x"), request_id="a" * 128, generation=SHORT), OK, None),
            ("64 parts", request(*[text("x")] * 64, generation=SHORT), OK, None)])

    def test_a_question_that_is_no_utf8_is_refused(self):
        raw = client.channel.unary_stream("/glyph.v1.GlyphService/Ask", request_serializer=bytes,
                                          response_deserializer=gateway_pb2.AskResponse.FromString)
        part = b"\x1a\x02\xc0\x80"  # AskPart.text, two bytes that are no UTF-8
        failure = outcome(lambda: list(raw(b"\x0a" + bytes([len(part)]) + part, timeout=10)))
        self.assertEqual(failure.code, UNIMPLEMENTED)  # the library's answer to what it cannot parse
        self.assert_tells_nothing(failure)

    def test_bytes_that_are_no_message_are_refused(self):
        raw = client.channel.unary_stream("/glyph.v1.GlyphService/Ask", request_serializer=bytes)
        failure = outcome(lambda: list(raw(b"\xff" * 50, timeout=10)))
        self.assertEqual(failure.code, UNIMPLEMENTED)

    def test_unknown_methods_are_unimplemented(self):
        raw = client.channel.unary_unary("/glyph.v1.GlyphService/Open", request_serializer=bytes)
        self.assertEqual(outcome(lambda: raw(b"", timeout=10)).code, UNIMPLEMENTED)

    def test_compressed_requests_are_unimplemented(self):
        for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
            with self.subTest(compression):
                failure = outcome(lambda: collect(client.stub.Ask(
                    doc("Key: value"), timeout=10, compression=compression)))  # noqa: B023
                self.assertIsInstance(failure, Failure, "it was accepted")
                self.assertEqual(failure.code, UNIMPLEMENTED)
                self.assert_tells_nothing(failure)


class WireTest(BadInputCase):
    """Calls that no gRPC library makes."""
    ASK = "/glyph.v1.GlyphService/Ask"
    REQUEST = doc("Key: value")
    BYTES = REQUEST.SerializeToString()
    SNAPPY = b"\xff\x06\0\0sNaPpY"  # how its streams start

    def reply(self, body, headers, service=None, port="grpc", path=ASK):
        return raw_http2.call((service or stack.gateway).port(port), path, body, headers)

    def check_status(self, reply, *codes):
        self.assertIn(reply.headers.get("grpc-status"), [str(code.value[0]) for code in codes], reply)
        self.assertEqual(reply.headers["content-type"], "application/grpc")
        told = reply.headers.get("grpc-message", "")
        self.assertIsNone(LEAK.search(told), told)
        self.assertNotIn(CANARY, told)

    def test_a_request_of_another_content_type_is_read_as_grpc(self):
        expected = collect(client.stub.Ask(self.REQUEST, timeout=60))
        for content_type in ("text/plain", "application/json", ""):
            with self.subTest(content_type):
                reply = self.reply(raw_http2.message(self.BYTES), {"content-type": content_type})
                self.check_status(reply, grpc.StatusCode.OK)
                answer = collect(map(gateway_pb2.AskResponse.FromString, reply.messages()))
                self.assertEqual(answer.ids, expected.ids)

    def test_a_body_that_holds_no_grpc_message_asks_nothing(self):
        rows = (("application/json", f'{{"parts":[{{"text":"{CANARY}"}}]}}'.encode()),
                ("application/x-www-form-urlencoded", f"text={CANARY}".encode()),
                ("application/x-protobuf", self.BYTES), ("text/plain", b""))
        for content_type, body in rows:
            with self.subTest(content_type):
                reply = self.reply(body, {"content-type": content_type})
                # The library fails the call itself or, when it is late, hands over an empty request.
                self.check_status(reply, UNIMPLEMENTED, INVALID)
                self.assertEqual(reply.data, b"")

    def test_unknown_compressions_are_unimplemented(self):
        # The library knows no such encoding, reads the bytes as they are and finds no message.
        body = raw_http2.message(self.SNAPPY + self.BYTES, compressed=True)
        for encoding in ("snappy", "stream/gzip", "x" * 126):
            with self.subTest(encoding):
                self.check_status(self.reply(body, {"grpc-encoding": encoding}), UNIMPLEMENTED)

    def test_bombs_are_refused_before_they_are_unpacked(self):
        packer = zlib.compressobj(1, wbits=31)  # gzip
        packed = b"".join(packer.compress(bytes(MIB)) for _ in range(1024)) + packer.flush()
        rows = ((stack.gateway, "grpc", self.ASK),
                (stack.gateway, "grpc", "/glyph.v1.GlyphService/AskStream"),
                (stack.render, "render", "/glyph.v1.RenderService/Render"),
                (stack.vlm, "vlm", "/glyph.v1.VlmService/Generate"))
        for service, port, path in rows:
            with self.subTest(path):
                service.forget_peak()
                before = service.peak_bytes()
                reply = self.reply(raw_http2.message(packed, compressed=True),
                                   {"grpc-encoding": "gzip"}, service, port, path)
                self.check_status(reply, UNIMPLEMENTED)
                self.assertLess(service.peak_bytes() - before, 80 * MIB)


class LifeCycleTest(BadInputCase):
    def test_deadlines_end_the_call(self):
        page = one_page_documents()[0]["text"]
        for limit in (-1, 0, 0.001):
            with self.subTest(limit):
                failure = client.failure_of_ask(doc(page), timeout=limit)
                self.assertEqual(failure.code, LATE)
        call = client.stub.Ask(doc(page))  # none: the server has its own
        self.assertEqual(collect(call).finished.reason, vlm_pb2.FINISH_REASON_LENGTH)

    def test_a_running_id_cannot_be_taken_twice(self):
        long = request(document(one_page_documents()[0]["text"]), text("Read the page."), request_id="same")
        results, threads = [], []
        for _ in range(2):
            threads.append(threading.Thread(target=lambda: results.append(client.failure_of_ask(long))))
            threads[-1].start()
        for thread in threads:
            thread.join()
        codes = [r.code if isinstance(r, Failure) else OK for r in results]
        self.assertIn(codes.count(OK), (1, 2))  # the second may have come after the first
        self.assertLessEqual(set(codes), {OK, EXISTS})


class AskStreamTest(BadInputCase):
    START = gateway_pb2.AskStreamRequest(start=request(document(b""), QUESTION, generation=SHORT))

    @staticmethod
    def chunk(index, data):
        return gateway_pb2.AskStreamRequest(
            chunk=gateway_pb2.AskPartChunk(part_index=index, data=data))

    def failure(self, *messages):
        return outcome(lambda: collect(client.stub.AskStream(iter(messages), timeout=60)))

    def test_messages_out_of_order_are_refused(self):
        cases = {"nothing": (), "chunk first": (self.chunk(0, b"x"),), "start twice": (self.START,) * 2,
                 "no message": (gateway_pb2.AskStreamRequest(),),
                 "unknown part": (self.START, self.chunk(2, b"x")),
                 "huge part": (self.START, self.chunk(2**32 - 1, b"x")),
                 "backwards": (self.START, self.chunk(1, b"x"), self.chunk(0, b"x")),
                 "chunk above 1 MiB": (self.START, self.chunk(0, b"x" * (MIB + 1))),
                 "document above 16 MiB": (self.START, *[self.chunk(0, b"x" * MIB)] * 17)}
        for name, messages in cases.items():
            with self.subTest(name):
                self.check_failure(self.failure(*messages), INVALID)

    def filled_with_256_mib(self, num_images):
        """Start of `num_images` images and chunks for 16 of them, each as large as one may be."""
        sources = [image(b"")] * num_images
        messages = [gateway_pb2.AskStreamRequest(start=request(*sources, generation=SHORT))]
        for index in range(16):
            messages += [self.chunk(index, b"x" * MIB)] * 16
        return messages

    def test_a_byte_above_256_mib_of_all_parts_is_refused(self):
        messages = [*self.filled_with_256_mib(17), self.chunk(16, b"x")]
        for attempt in range(5):  # the gateway holds 1 GiB: what it refuses, it must let go
            with self.subTest(attempt):
                stack.gateway.forget_peak()
                before = stack.gateway.peak_bytes()
                failure = self.failure(*messages)
                self.check_failure(failure, INVALID, "parts")
                self.assertEqual(failure.reason, "INPUT_TOO_LARGE")
                self.assertLess(stack.gateway.peak_bytes() - before, (256 + 80) * MIB)

    def test_all_256_mib_of_all_parts_reach_the_renderer(self):
        failure = self.failure(*self.filled_with_256_mib(16))
        self.check_failure(failure, INVALID)
        self.assertEqual(failure.reason, "IMAGE_UNSUPPORTED")
        self.assertRegex(failure.fields[0], r"^parts\[\d+\]\.image\.data$")

    def test_an_early_half_close_reads_what_came(self):
        answer = self.failure(self.START, self.chunk(0, b"Key: value"))
        self.assertIsInstance(answer, Answer, answer)
        self.assertEqual(answer.finished.usage.characters, 10)


if __name__ == "__main__":
    unittest.main()
