"""Start, readiness, metrics, drain and what a client sees while a service is away."""
import json
import threading
import time
import unittest

import golden
import grpc
import services
from client import Answer, Client, Failure, Vlm, collect, document, outcome, request, text
from health.v1 import health_pb2, health_pb2_grpc
from http_client import get, metrics

from glyph.v1 import gateway_pb2_grpc, vlm_pb2, vlm_pb2_grpc

PAGE = golden.one_page_documents()[0]["text"]
READ = text("Read the page.")
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


def start_reading(client, **options):
    """A call that has begun to answer, and its events so far."""
    call = client.stub.Ask(request(document(PAGE), READ, **options), timeout=60)
    events = [next(call)]
    while events[-1].WhichOneof("event") != "delta":
        events.append(next(call))
    return call, events


class LifeCycleCase(unittest.TestCase):
    GATEWAY_OPTIONS = ()

    def setUp(self):
        self.stack = self.enterContext(services.Stack(gateway_options=self.GATEWAY_OPTIONS))
        self.client = self.enterContext(Client(self.stack.gateway.port("grpc")))

    def http(self, path, method="GET", body=None):
        return get(self.stack.gateway.port("http"), path, method, body)


class DrainTest(LifeCycleCase):
    def drain_while_reading(self, service):
        call, events = start_reading(self.client)
        service.terminate()
        answer = outcome(lambda: collect(events + list(call)))
        self.assertIsInstance(answer, Answer, f"{service.name} lost a running request")
        self.assertEqual(answer.text, golden.one_page_documents()[0]["expected"])
        self.assertEqual(service.wait(), 0, service.log()[-2000:])

    def test_the_gateway_finishes_what_it_began_and_exits_0(self):
        self.drain_while_reading(self.stack.gateway)

    def test_vlm_service_finishes_what_it_began_and_exits_0(self):
        self.drain_while_reading(self.stack.vlm)

    def test_render_service_finishes_what_it_began_and_exits_0(self):
        self.drain_while_reading(self.stack.render)

    def test_idle_services_exit_0_at_once(self):
        for service in self.stack.services():
            service.terminate()
        self.assertEqual([service.wait(5) for service in self.stack.services()], [0, 0, 0])

    def test_no_leftover_speaks_of_an_error(self):
        self.client.ask(document(PAGE), READ, generation={"max_tokens": 2})
        for service in reversed(self.stack.services()):
            self.assertEqual(service.stop(), 0)
            self.assertNotRegex(service.log(), "(?i)terminate called|sanitizer|check failed|segmentation")


class DrainUnderLoadTest(LifeCycleCase):
    NUM_STREAMS = 8
    NUM_TOKENS = 400
    PORTS = {"glyph-vlm": "vlm", "glyph-gateway": "grpc"}

    def setUp(self):
        super().setUp()
        no_stop = [vlm_pb2.LogitBias(token_id=i, bias=-100) for i in self.client.status().model.stop_token_ids]
        self.generation = vlm_pb2.GenerationOptions(max_tokens=self.NUM_TOKENS, logit_bias=no_stop)

    def start_streams(self):
        """Calls that all have begun to answer, and what they sent."""
        calls = [self.client.stub.Ask(request(text(f"Question {i}."), generation=self.generation), timeout=60)
                 for i in range(self.NUM_STREAMS)]
        events = [[] for _ in calls]
        for call, seen in zip(calls, events):
            while not seen or seen[-1].WhichOneof("event") != "delta":
                seen.append(next(call))
        return calls, events

    def ask_late(self, service, channel):
        if service is self.stack.gateway:
            ask = gateway_pb2_grpc.GlyphServiceStub(channel).Ask
            return outcome(lambda: collect(ask(request(text("Late.")), timeout=10)))
        start = vlm_pb2.GenerateStart(parts=[vlm_pb2.PromptPart(text="Late.")])
        generate = vlm_pb2_grpc.VlmServiceStub(channel).Generate
        return outcome(lambda: list(generate(iter([vlm_pb2.GenerateRequest(start=start)]), timeout=10)))

    def drain_under_load(self, service):
        address = service.address(self.PORTS[service.name])
        channel = self.enterContext(grpc.insecure_channel(address))
        other_channel = self.enterContext(grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]))
        health = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        self.assertEqual(next(health).status, health_pb2.HealthCheckResponse.SERVING)
        calls, events = self.start_streams()

        service.terminate()
        begun = time.monotonic()
        self.assertEqual(next(health).status, health_pb2.HealthCheckResponse.NOT_SERVING)
        self.assertLess(time.monotonic() - begun, 0.1, "NOT_SERVING came late")
        if service is self.stack.gateway:
            self.assertEqual(self.http("/readyz").status, 503)
        for each in (channel, other_channel):  # one that was open before, one that is opened now
            failure = self.ask_late(service, each)
            self.assertIsInstance(failure, Failure)
            self.assertEqual((failure.code, failure.reason), (UNAVAILABLE, "DRAINING"), failure)
            self.assertIsNotNone(failure.retry_s)
        self.assertTrue(any(not call.done() for call in calls), "no stream ran any more")
        for call, seen in zip(calls, events):
            answer = outcome(lambda: collect(seen + list(call)))
            self.assertIsInstance(answer, Answer, f"{service.name} lost a running request")
            self.assertEqual(len(answer.ids), self.NUM_TOKENS)
        ended = time.monotonic()
        self.assertEqual(service.wait(), 0, service.log()[-2000:])
        self.assertLess(time.monotonic() - ended, 5, "a health watch held the drain")

    def test_vlm_service_loses_no_stream_and_refuses_the_late(self):
        self.drain_under_load(self.stack.vlm)

    def test_the_gateway_loses_no_stream_and_refuses_the_late(self):
        self.drain_under_load(self.stack.gateway)

    def test_a_second_signal_ends_a_drain_within_a_second(self):
        for service in (self.stack.gateway, self.stack.vlm):
            if service is self.stack.vlm:
                self.stack.gateway = services.start_gateway(
                    self.stack.folder, self.stack.render.address("render"), self.stack.vlm.address("vlm"))
                self.addCleanup(self.stack.gateway.stop)
                self.stack.wait_ready()
                self.client = self.enterContext(Client(self.stack.gateway.port("grpc")))
            calls, _ = self.start_streams()
            service.terminate()
            services.wait_until(lambda: "stopping" in service.log(), what="the drain")
            service.terminate()
            self.assertEqual(service.wait(1), 1)
            for call in calls:
                call.cancel()


class RestartTest(LifeCycleCase):
    """While vlm_service is away: not for long enough to matter, or longer than a request waits."""
    GATEWAY_OPTIONS = ("--upstream-wait", "1")
    CHAT = json.dumps({"messages": [{"role": "user", "content": "Hello."}], "max_tokens": 2})

    def test_the_gateway_stays_ready_and_says_when_to_retry(self):
        patient = services.start_gateway(
            self.stack.folder, self.stack.render.address("render"), self.stack.vlm.address("vlm"))
        self.addCleanup(patient.stop)
        services.wait_until(lambda: get(patient.port("http"), "/readyz").status == 200, what="readyz")
        port = self.stack.vlm.port("vlm")
        self.stack.vlm.stop()
        services.wait_until(lambda: not self.client.status().services[1].ready, what="news of the absence")
        begun = time.monotonic()
        refused = self.http("/v1/chat/completions", "POST", self.CHAT)
        self.assertEqual((refused.status, refused.headers["retry-after"]), (503, "1"), refused)
        self.assertEqual(json.loads(refused.body)["error"]["code"], "vlm_unavailable")
        self.assertGreaterEqual(time.monotonic() - begun, 1, "it did not wait")
        ready = self.http("/readyz")
        self.assertEqual((ready.status, json.loads(ready.body)["services"]["vlm_service"]), (200, "not ready"))
        stub = health_pb2_grpc.HealthStub(self.client.channel)
        self.assertEqual(stub.Check(health_pb2.HealthCheckRequest(), timeout=10).status,
                         health_pb2.HealthCheckResponse.SERVING)
        self.stack.vlm = services.start_vlm(self.stack.folder, port=port)
        self.addCleanup(self.stack.vlm.stop)
        # The channel's backoff may be longer than --upstream-wait 1, but not than the default.
        self.assertEqual(get(patient.port("http"), "/v1/chat/completions", "POST", self.CHAT).status, 200)

    def test_no_request_waits_beyond_its_deadline(self):
        self.stack.gateway.stop()
        self.stack.gateway = services.start_gateway(
            self.stack.folder, self.stack.render.address("render"), self.stack.vlm.address("vlm"))
        self.addCleanup(self.stack.gateway.stop)
        self.stack.wait_ready()
        client = self.enterContext(Client(self.stack.gateway.port("grpc")))
        self.stack.vlm.stop()
        begun = time.monotonic()
        failure = outcome(lambda: client.ask(text("Hello."), timeout=10))
        self.assertEqual((failure.code, failure.reason), (UNAVAILABLE, "VLM_UNAVAILABLE"), failure)
        self.assertLess(time.monotonic() - begun, 10)


class AwayTest(LifeCycleCase):
    """Nothing waits and no restart is expected."""
    GATEWAY_OPTIONS = ("--upstream-wait", "0", "--restart-grace", "0")

    def test_without_vlm_service_clients_are_told_when_to_retry(self):
        self.stack.vlm.stop()
        failure = outcome(lambda: self.client.ask(document(PAGE), READ))
        self.assertIsInstance(failure, Failure)
        self.assertEqual(failure.code, UNAVAILABLE)
        self.assertIsNotNone(failure.retry_s)
        self.assertRegex(failure.reason, "^[A-Z][A-Z_]+$")
        self.assertNotIn(str(self.stack.vlm.port("vlm")), failure.message, "addresses are internal")
        services.wait_until(lambda: self.http("/readyz").status == 503, what="readyz 503")
        self.assertEqual(self.http("/healthz").status, 200)
        self.assertEqual(self.gateway_health(), health_pb2.HealthCheckResponse.NOT_SERVING)
        status = self.client.status()
        self.assertEqual({s.name: s.ready for s in status.services},
                         {"render_service": True, "vlm_service": False})

    def test_without_render_service_documents_fail_and_text_is_answered(self):
        self.stack.render.stop()
        failure = outcome(lambda: self.client.ask(document(PAGE), READ))
        self.assertEqual(failure.code, UNAVAILABLE)
        self.assertIsNotNone(failure.retry_s)
        answer = self.client.ask(text("hello"), generation={"max_tokens": 3})
        self.assertEqual(answer.finished.usage.output_tokens, 3)
        services.wait_until(lambda: self.http("/readyz").status == 503, what="readyz 503")

    def test_a_restarted_vlm_service_is_used_again(self):
        port = self.stack.vlm.port("vlm")
        self.stack.vlm.stop()
        services.wait_until(lambda: self.http("/readyz").status == 503, what="readyz 503")
        self.stack.vlm = services.start_vlm(self.stack.folder, port=port)
        self.addCleanup(self.stack.vlm.stop)
        services.wait_until(lambda: self.http("/readyz").status == 200, 30, "readyz 200")
        answer = self.client.ask(document(PAGE), READ, generation={"max_tokens": 3})
        self.assertEqual(answer.finished.usage.output_tokens, 3)

    def test_a_killed_vlm_service_ends_every_stream_with_an_error(self):
        call, _ = start_reading(self.client)
        self.stack.vlm.kill()
        failure = outcome(lambda: list(call))
        self.assertIsInstance(failure, Failure, "a broken answer ended as if it were whole")
        self.assertEqual(failure.code, UNAVAILABLE)
        self.assertTrue(self.stack.gateway.alive())

    def gateway_health(self):
        stub = health_pb2_grpc.HealthStub(self.client.channel)
        return stub.Check(health_pb2.HealthCheckRequest(), timeout=10).status


class HttpTest(LifeCycleCase):
    def test_health_paths_answer_and_others_do_not(self):
        self.assertEqual(self.http("/healthz").status, 200)
        self.assertEqual(self.http("/readyz").status, 200)
        self.assertEqual(self.http("/no-such-path").status, 404)
        self.assertEqual(self.http("/healthz", "POST").status, 405)
        self.assertEqual(self.http("/metrics").status, 404, "metrics have a port of their own")

    def test_every_binary_announces_its_ports_and_version(self):
        names = {"glyph-render": {"render"}, "glyph-vlm": {"vlm"},
                 "glyph-gateway": {"http", "grpc", "metrics"}}
        for service in self.stack.services():
            self.assertEqual(service.announcement["event"], "listening")
            self.assertEqual(set(service.announcement["ports"]), names[service.name])
            self.assertEqual(service.announcement["pid"], service.pid)
            self.assertRegex(service.announcement["version"], r"^\d+\.\d+\.\d+$")


class MetricsTest(LifeCycleCase):
    def read(self):
        return metrics(self.stack.gateway.port("metrics"))

    def test_counters_rise_by_what_a_request_took(self):
        before = self.read()
        answer = self.client.ask(document(PAGE), READ)
        failure = outcome(lambda: self.client.ask(text("x"), generation={"temperature": 9}))
        self.assertIsInstance(failure, Failure)
        usage = answer.finished.usage
        expected = {'glyph_requests_total{outcome="ok"}': 1,
                    'glyph_requests_total{outcome="invalid_argument"}': 1,
                    "glyph_pages_total": usage.pages, "glyph_visual_tokens_total": usage.visual_tokens,
                    "glyph_characters_total": usage.characters,
                    "glyph_output_tokens_total": usage.output_tokens,
                    "glyph_time_to_first_token_seconds_count": 1}
        after = self.read()
        risen = {name: after[name] - before.get(name, 0) for name in expected}
        self.assertEqual(risen, expected)
        self.assertGreater(after["glyph_inter_token_latency_seconds_count"], usage.output_tokens // 2)

    def test_load_and_memory_of_vlm_service_are_shown(self):
        self.client.ask(document(PAGE), READ, generation={"max_tokens": 5})
        name = 'glyph_vlm_requests_total{outcome="finished"}'
        services.wait_until(lambda: self.read().get(name) == 1, what="a finished request")
        series = self.read()
        for required in ('glyph_vlm_requests{state="waiting"}', 'glyph_vlm_requests{state="running"}',
                         'glyph_kv_blocks{state="used"}', 'glyph_kv_blocks{state="free"}',
                         "glyph_kv_blocks_capacity", "glyph_requests_in_flight"):
            self.assertIn(required, series)
        self.assertEqual(series['glyph_kv_blocks{state="used"}'], 0)
        self.assertGreater(series['glyph_kv_blocks{state="cached"}'], 0)
        self.assertEqual(series['glyph_kv_blocks{state="free"}'] + series['glyph_kv_blocks{state="cached"}'],
                         series["glyph_kv_blocks_capacity"])
        self.assertEqual(series["glyph_vlm_output_tokens_total"], 5)
        self.assertEqual(series["glyph_vlm_pages_encoded_total"], 1)
        memory = {name: value for name, value in series.items() if name.startswith("glyph_memory_bytes{")}
        self.assertTrue(any('service="gateway"' in name for name in memory), memory)
        self.assertTrue(any('service="vlm_service"' in name for name in memory), memory)
        processes = {n: v for n, v in memory.items() if 'component="process",kind="used"' in n}
        self.assertEqual(len(processes), 2)
        self.assertTrue(all(value > 0 for value in processes.values()), processes)
        kv_peak = 'glyph_memory_peak_bytes{service="vlm_service",component="kv",window="start"}'
        self.assertGreater(series[kv_peak], 0)
        self.assertFalse([name for name in series if "gpu" in name], "a CPU has no device memory")
        self.assertTrue(any(name.startswith("glyph_build_info{") for name in series))

    def test_a_running_request_is_seen(self):
        call, _ = start_reading(self.client)
        self.assertEqual(self.read()["glyph_requests_in_flight"], 1)
        call.cancel()
        services.wait_until(lambda: self.read()["glyph_requests_in_flight"] == 0, what="none in flight")
        self.assertEqual(self.read()['glyph_requests_total{outcome="cancelled"}'], 1)


class BlankDocumentTest(LifeCycleCase):
    def test_a_blank_document_never_reaches_the_model(self):
        vlm = Vlm(self.stack.vlm.port("vlm"))
        self.addCleanup(vlm.channel.close)
        failure = outcome(lambda: self.client.ask(document(" \n\t\n" * 1000), READ))
        self.assertEqual((failure.code, failure.reason), (grpc.StatusCode.INVALID_ARGUMENT, "EMPTY_DOCUMENT"))
        stats = vlm.wait_idle()
        self.assertEqual((stats.pages_encoded_total, stats.prompt_tokens_total), (0, 0))

    def test_a_blank_document_beside_a_full_one_is_left_out(self):
        expected = golden.one_page_documents()[0]["expected"]
        answer = self.client.ask(document("\n\n"), document(PAGE), READ)
        self.assertEqual(answer.text, expected)
        self.assertEqual(answer.finished.usage.pages, 1)
        self.assertIn("EMPTY_DOCUMENT", answer.finished.warnings)


class OverloadTest(unittest.TestCase):
    def test_requests_beyond_the_limit_are_refused_with_a_time_to_retry(self):
        with services.Stack(gateway_options=("--max-requests", 2)) as stack, \
                Client(stack.gateway.port("grpc")) as client:
            calls = [client.stub.Ask(request(document(PAGE), READ)) for _ in range(2)]
            for call in calls:
                next(call)
            failure = outcome(lambda: client.ask(document(PAGE), READ))
            for call in calls:
                call.cancel()
            self.assertEqual(failure.code, grpc.StatusCode.RESOURCE_EXHAUSTED)
            self.assertIsNotNone(failure.retry_s)

    def test_a_full_queue_of_vlm_service_is_refused_and_loses_nobody(self):
        with services.Stack(vlm_options=("--max-running", 1, "--max-waiting", 1)) as stack, \
                Client(stack.gateway.port("grpc")) as client:
            results, threads = [], []
            running, events = start_reading(client, generation={"max_tokens": 150})
            for _ in range(7):
                threads.append(threading.Thread(target=lambda: results.append(
                    outcome(lambda: client.ask(document(PAGE), READ, generation={"max_tokens": 150})))))
                threads[-1].start()
            results.append(outcome(lambda: collect(events + list(running))))
            for thread in threads:
                thread.join()
            answers = [r for r in results if isinstance(r, Answer)]
            refused = [r for r in results if isinstance(r, Failure)]
            self.assertEqual({f.code for f in refused}, {grpc.StatusCode.RESOURCE_EXHAUSTED})
            self.assertTrue(all(f.retry_s is not None for f in refused))
            self.assertGreaterEqual(len(answers), 2)
            self.assertEqual(len({tuple(a.ids) for a in answers}), 1)
            stack.assert_alive()


if __name__ == "__main__":
    unittest.main()
