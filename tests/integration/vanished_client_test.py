"""A client host that vanishes, its connections still open: what its request held is free within 20 s."""
import json
import time
import unittest

import grpc
import services
from black_hole import BlackHole
from client import Client, Vlm, outcome, request, text
from http_client import metrics

from glyph.v1 import vlm_pb2

LIMIT_S = 20


def endless_answer():
    """Options of an answer that takes much longer than LIMIT_S: no stop token is ever chosen."""
    stop_ids = json.loads((services.NANO / "generation_config.json").read_text())["eos_token_id"]
    return vlm_pb2.GenerationOptions(
        max_tokens=8000, logit_bias=[vlm_pb2.LogitBias(token_id=i, bias=-100) for i in stop_ids])


class VanishedClientTest(unittest.TestCase):
    def setUp(self):
        self.stack = self.enterContext(services.Stack())
        self.vlm = Vlm(self.stack.vlm.port("vlm"))
        self.addCleanup(self.vlm.channel.close)

    def assert_freed_in_time(self, is_freed):
        """`is_freed` is false now, and true within the limit; the request has not ended by itself."""
        self.assertFalse(is_freed())
        self.assertGreater(self.vlm.stats().kv_blocks_used, 0)
        begun = time.monotonic()
        services.wait_until(is_freed, LIMIT_S, "freed resources")
        print(f"{self.id()}: freed after {time.monotonic() - begun:.1f} s")
        stats = self.vlm.stats()
        self.assertEqual((stats.running, stats.waiting, stats.kv_blocks_used), (0, 0, 0))
        self.assertEqual((stats.finished_total, stats.cancelled_total), (0, 1))
        self.stack.assert_alive()

    def is_vlm_idle(self):
        stats = self.vlm.stats()
        return not (stats.running or stats.waiting or stats.kv_blocks_used)

    def test_vlm_service_frees_the_request_of_a_vanished_client(self):
        with BlackHole(self.stack.vlm.port("vlm")) as hole:
            client = Vlm(hole.port)
            self.addCleanup(client.channel.close)
            start = vlm_pb2.GenerateStart(parts=[vlm_pb2.PromptPart(text="Go on.")], options=endless_answer())
            call = client.stub.Generate(iter([vlm_pb2.GenerateRequest(start=start)]))
            while next(call).WhichOneof("event") != "tokens":
                pass
            hole.vanish()
            self.assert_freed_in_time(self.is_vlm_idle)

    def test_the_gateway_frees_it_and_ends_its_own_request(self):
        def is_freed():
            held = metrics(self.stack.gateway.port("metrics"))["glyph_requests_in_flight"]
            return held == 0 and self.is_vlm_idle()

        with BlackHole(self.stack.gateway.port("grpc")) as hole, Client(hole.port) as client:
            call = client.stub.Ask(request(text("Go on."), generation=endless_answer()))
            while next(call).WhichOneof("event") != "delta":
                pass
            hole.vanish()
            self.assert_freed_in_time(is_freed)

    def test_vlm_service_frees_the_request_of_a_vanished_gateway(self):
        with BlackHole(self.stack.vlm.port("vlm")) as hole:
            gateway = services.start_gateway(self.stack.folder, self.stack.render.address("render"),
                                             f"127.0.0.1:{hole.port}", "--upstream-wait", 0)
            self.addCleanup(gateway.stop)
            with Client(gateway.port("grpc")) as client:
                call = client.stub.Ask(request(text("Go on."), generation=endless_answer()))
                while next(call).WhichOneof("event") != "delta":
                    pass
                hole.vanish()
                self.assert_freed_in_time(self.is_vlm_idle)
                failure = outcome(lambda: list(call))
                self.assertEqual(failure.code, grpc.StatusCode.UNAVAILABLE)


if __name__ == "__main__":
    unittest.main()
