"""One failed malloc, read or write in glyph-vlm costs an error or the process, never a wrong answer.

The generator below is seeded (GLYPH_SEED); which call of the chosen point fails is libfiu's choice, so a
failure may need several runs to show again.
"""
import collections
import errno
import os
import queue
import random
import subprocess
import tempfile
import unittest

import client
import grpc
import services
from faulty_vlm import Fault, FaultyVlm

from glyph.v1 import page_pb2, vlm_pb2

NUM_FAULTS = 1000 if os.environ.get("GLYPH_LONG") else 15
SEED = int(os.environ.get("GLYPH_SEED", "1"))
ANSWER_LIMIT_S = 30
END_LIMIT_S = 15
PAGE_PX = 112
# Point, error of the failed call, powers of ten between which its probability lies.
POINTS = [
    *[(f"libc/mm/{name}", errno.ENOMEM, -6, -1) for name in ("malloc", "calloc", "realloc")],
    ("posix/mm/mmap", errno.ENOMEM, -2, 0),
    ("posix/io/oc/open", errno.EMFILE, -2, 0),
    *[(f"posix/io/rw/{name}", errno.EIO, -3, 0) for name in ("read", "read/reduce", "write", "readv", "writev")],
    *[(f"posix/io/net/{name}", errno.ECONNRESET, -2, 0) for name in ("recvmsg", "sendmsg")],
]
WEIGHTS = [6 if point[0] == "libc/mm/malloc" else 1 for point in POINTS]


def random_fault(generator):
    point, error, low, high = generator.choices(POINTS, WEIGHTS)[0]
    return Fault(point, error, 10 ** generator.uniform(low, high))


def read_page(port):
    """Text of the answer about one page, and all its ids; raises grpc.RpcError."""
    pixels = random.Random(7).randbytes(3 * PAGE_PX * PAGE_PX)
    header = page_pb2.PageHeader(page_key=b"k" * 32, format=page_pb2.PIXEL_FORMAT_RGB8, width_px=PAGE_PX,
                                 height_px=PAGE_PX, origin=page_pb2.PAGE_ORIGIN_UPLOADED)
    group = vlm_pb2.PageGroup(max_pages=1, max_visual_tokens=64)
    start = vlm_pb2.GenerateStart(parts=[vlm_pb2.PromptPart(pages=group), vlm_pb2.PromptPart(text="Go on.")],
                                  options=vlm_pb2.GenerationOptions(max_tokens=24, repetition_penalty=1.5))
    messages = queue.Queue()
    messages.put(vlm_pb2.GenerateRequest(start=start))
    messages.put(vlm_pb2.GenerateRequest(offer=vlm_pb2.PageOffer(page=header)))
    vlm = client.Vlm(port)
    ids, text, is_whole = [], "", False
    try:
        for event in vlm.stub.Generate(iter(messages.get, None), timeout=ANSWER_LIMIT_S):
            if event.WhichOneof("event") == "page_decision":
                if event.page_decision.answer == vlm_pb2.PAGE_ANSWER_NEED:
                    messages.put(vlm_pb2.GenerateRequest(strip=page_pb2.PageStrip(pixels=pixels)))
                messages.put(None)
            ids += [token.id for token in event.tokens.tokens]
            text += "".join(token.text for token in event.tokens.tokens) + event.finished.tail_text
            is_whole = is_whole or event.WhichOneof("event") == "finished"
    finally:
        messages.put(None)
        vlm.channel.close()
    assert is_whole, "the stream ended well without finished"
    return text, ids


class FaultInjectionTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="glyph-"))
        with FaultyVlm(cls.folder) as vlm:
            cls.expected = read_page(vlm.port)
        assert len(cls.expected[1]) > 5, cls.expected

    def setUp(self):
        self.outcomes = collections.Counter()
        self.addCleanup(lambda: print(self.id(), dict(self.outcomes)))

    def faults(self, stage, count):
        generator = random.Random(f"{SEED} {stage}")
        return [random_fault(generator) for _ in range(count)]

    def judge_answer(self, vlm, fault):
        """The right answer, or an error in time; a process that ended did so with an error."""
        try:
            answer = read_page(vlm.port)
            self.assertEqual(answer, self.expected, fault)
            outcome = "answered"
        except grpc.RpcError as error:
            self.assertNotEqual(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED, f"hung: {fault}\n{vlm.log()}")
            self.assertNotEqual(error.code(), grpc.StatusCode.UNKNOWN, fault)
            outcome = "error"
            if error.code() == grpc.StatusCode.UNAVAILABLE and self.ends(vlm, limit_s=0.5):
                outcome = "ended"
        self.outcomes[outcome] += 1

    def ends(self, vlm, limit_s):
        try:
            self.assertNotEqual(vlm.exit_status(limit_s), 0, vlm.log())
            return True
        except subprocess.TimeoutExpired:
            return False

    def test_a_fault_while_it_loads(self):
        for fault in self.faults("load", NUM_FAULTS - NUM_FAULTS // 2):
            with self.subTest(fault), FaultyVlm(self.folder, fault) as vlm:
                self.assertFalse(vlm.hung, f"hung while loading: {fault}\n{vlm.log()}")
                if vlm.port is None:
                    self.assertTrue(self.ends(vlm, END_LIMIT_S), f"does not end: {fault}\n{vlm.log()}")
                    self.outcomes["not started"] += 1
                else:
                    self.judge_answer(vlm, fault)

    def test_a_fault_while_it_answers(self):
        faults = self.faults("answer", NUM_FAULTS // 2)
        while faults:
            with FaultyVlm(self.folder) as vlm:
                self.assertEqual(read_page(vlm.port), self.expected)
                is_sound = True
                while faults and is_sound and not vlm.ended():
                    is_sound = self.answers_or_ends(vlm, faults.pop())

    def answers_or_ends(self, vlm, fault):
        with self.subTest(fault):
            vlm.inject(fault)
            self.judge_answer(vlm, fault)
            vlm.forget(fault)
            if not self.ends(vlm, limit_s=0):
                self.assert_answers_again(vlm, fault)
            return True
        return False

    def assert_answers_again(self, vlm, fault):
        try:
            self.assertEqual(read_page(vlm.port), self.expected, fault)
        except grpc.RpcError as error:
            self.assertTrue(self.ends(vlm, END_LIMIT_S), f"{error.code()} after {fault}\n{vlm.log()}")


if __name__ == "__main__":
    unittest.main()
