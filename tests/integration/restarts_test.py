"""Services that are restarted and killed behind the gateway, under load."""
import dataclasses
import hashlib
import http.client
import itertools
import json
import os
import threading
import unittest

import services
from client import Client, Failure, collect, document, outcome, request, text
from http_client import metrics

from glyph.v1 import gateway_pb2, vlm_pb2

LONG = bool(os.environ.get("GLYPH_LONG"))
NUM_RESTARTS = {"render": 100 if LONG else 5, "vlm": 30 if LONG else 3}
MANY_PAGES = "\n".join(f"Line {i} of a document that is drawn while its renderer goes away." for i in range(1500))
STOP_TOKENS = json.loads((services.NANO / "generation_config.json").read_text())["eos_token_id"]
LIMIT_S = 120
START = {"render": services.start_render, "vlm": services.start_vlm}


@dataclasses.dataclass(frozen=True)
class Broken:
    """How a call failed, and whether its client had heard some of the answer."""
    failure: Failure
    had_text: bool


class Asker(threading.Thread):
    """Asks the same again and again, and checks that the answer stays the same, to the byte."""
    repeats = True  # equal requests have equal answers

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.stack = stack
        self.client = Client(stack.gateway.port("grpc"))
        self.is_over = threading.Event()
        self.may_go_on = threading.Event()  # beyond the first event of a call
        self.may_go_on.set()
        self.is_held = False  # has heard some, and reads no more
        self.events = 0  # of the call that runs
        self.answered = 0
        self.broken = []
        self.odd = []
        self.expected = self.ask()

    def run(self):
        while not self.is_over.is_set():
            self.events = 0
            try:
                answer = self.ask()
            except Exception as error:  # whatever it is, the test shall say so
                self.odd.append(repr(error))
                return
            if isinstance(answer, Broken):
                self.broken.append(answer)
                self.is_over.wait(0.05)
            elif self.repeats and answer != self.expected:
                self.odd.append(f"{answer!r} instead of {self.expected!r}")
            else:
                self.answered += 1

    def hear(self, is_output):
        self.events += is_output
        if self.events and not self.may_go_on.is_set():
            self.is_held = True
            self.may_go_on.wait()
            self.is_held = False

    def stream(self, call):
        for event in call:
            self.hear(event.WhichOneof("event") == "delta")
            yield event

    def answer_to(self, *parts, **fields):
        events = []
        result = outcome(lambda: events.extend(self.stream(
            self.client.stub.Ask(request(*parts, **fields), timeout=LIMIT_S))))
        if isinstance(result, Failure):
            return Broken(result, any(e.WhichOneof("event") == "delta" for e in events))
        answer = collect(events)
        return answer.text, tuple(answer.ids), answer.finished.usage.output_tokens


class GreedyText(Asker):
    def ask(self):
        no_stop = [vlm_pb2.LogitBias(token_id=i, bias=-100) for i in STOP_TOKENS]
        options = vlm_pb2.GenerationOptions(max_tokens=80, logit_bias=no_stop, stop=["never said"])
        return self.answer_to(text("A long question."), generation=options)


class GreedyPage(Asker):
    def ask(self):
        return self.answer_to(document("Berth: 12"), text("Read the page."))


class SampledText(Asker):
    repeats = False

    def ask(self):
        options = vlm_pb2.GenerationOptions(max_tokens=60, temperature=1)
        return self.answer_to(text("Say something."), generation=options)


class WholeAnswer(Asker):
    """Sampled, but nothing of it goes out before its end: it is made anew."""
    repeats = False

    def ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.stack.gateway.port("http"), timeout=LIMIT_S)
        body = {"messages": [{"role": "user", "content": "Say something."}], "max_tokens": 60, "temperature": 1}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        content = json.loads(reply.read())
        connection.close()
        assert reply.status == 200, content
        return content["choices"][0]["message"]["content"]


class ManyPages(Asker):
    def ask(self):
        keys, pixels = [], hashlib.sha256()
        call = self.client.stub.RenderPages(gateway_pb2.RenderPagesRequest(
            document=gateway_pb2.Document(text=MANY_PAGES.encode())), timeout=LIMIT_S)

        def read():
            for response in call:
                event = response.event
                self.hear(event.HasField("page"))
                if event.HasField("page"):
                    keys.append(event.page.page_key)
                elif event.HasField("strip"):
                    pixels.update(event.strip.pixels)
        result = outcome(read)
        return Broken(result, bool(keys)) if isinstance(result, Failure) else (tuple(keys), pixels.digest())


class RestartsTest(unittest.TestCase):
    def setUp(self):
        self.stack = self.enterContext(services.Stack())
        self.askers = [kind(self.stack) for kind in (GreedyText, GreedyPage, SampledText, WholeAnswer, ManyPages)]
        for asker in self.askers:
            self.assertNotIsInstance(asker.expected, Broken)
            asker.start()
        self.addCleanup(self.stop_asking)

    def stop_asking(self):
        for asker in self.askers:
            asker.is_over.set()
            asker.may_go_on.set()
        for asker in self.askers:
            asker.join()
            asker.client.channel.close()

    def wait_for_an_answer_of_every_asker(self):
        before = [asker.answered for asker in self.askers]
        services.wait_until(lambda: any(a.odd for a in self.askers) or all(
            asker.answered > count for asker, count in zip(self.askers, before)), LIMIT_S, "an answer of every asker")
        self.assertEqual([odd for asker in self.askers for odd in asker.odd], [])

    def end_under_a_stream(self, name, end, number):
        """Ends the service while one works on it that has heard some and then stopped reading; its exit status."""
        kinds = (ManyPages,) if name == "render" else (GreedyText, GreedyPage)
        streams = [asker for asker in self.askers if isinstance(asker, kinds)]
        stream = streams[number % len(streams)]
        stream.may_go_on.clear()
        try:
            services.wait_until(lambda: stream.is_held, LIMIT_S, "a stream")
            end(getattr(self.stack, name))
        finally:
            stream.may_go_on.set()
        return getattr(self.stack, name).wait()

    def restart_all(self, end, exit_status):
        for name, number in NUM_RESTARTS.items():
            for i in range(number):
                service = getattr(self.stack, name)
                self.assertEqual(self.end_under_a_stream(name, end, i), exit_status, service.log()[-2000:])
                service = START[name](self.stack.folder, port=service.port(name))
                self.addCleanup(service.stop)
                setattr(self.stack, name, service)
                self.wait_for_an_answer_of_every_asker()

    def retries(self, service, kind):
        series = metrics(self.stack.gateway.port("metrics"))
        return series[f'glyph_upstream_retries_total{{kind="{kind}",service="{service}"}}']

    def report(self):
        self.stop_asking()
        broken = {type(asker).__name__: asker.broken for asker in self.askers}
        retries = {f"{s} {k}": self.retries(s, k) for s, k in
                   itertools.product(("render_service", "vlm_service"), ("restart", "resume"))}
        print({type(a).__name__: a.answered for a in self.askers}, retries,
              {name: len(b) for name, b in broken.items()})
        self.stack.assert_alive()
        return broken

    def test_restarts_cost_no_request(self):
        self.restart_all(services.Service.terminate, 0)
        self.assertEqual([b for each in self.report().values() for b in each], [])
        for service in ("render_service", "vlm_service"):
            self.assertGreater(self.retries(service, "restart") + self.retries(service, "resume"), 0)

    def test_kills_cost_only_what_cannot_be_continued(self):
        self.restart_all(services.Service.kill, -9)
        for name, broken in self.report().items():
            for each in broken:
                self.assertTrue(name == "SampledText" and each.had_text, (name, each))
                self.assertEqual(each.failure.code.name, "UNAVAILABLE")
                self.assertIsNotNone(each.failure.retry_s)
        self.assertGreater(self.retries("vlm_service", "resume"), 0, "no stream broke")
        self.assertGreater(self.retries("render_service", "resume"), 0, "no render broke")


if __name__ == "__main__":
    unittest.main()
