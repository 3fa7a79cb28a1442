"""vlm_service with planted figures behind the real contract: what a GPU would report, shown by a real gateway.

    with PlantedVlm() as vlm:
        gateway = services.start_gateway(folder, render_address, vlm.address)
        vlm.plant_kv_peak(14 * GIB)

Every answer is "planted"; the prompt "fail" ends with INTERNAL, "full" with RESOURCE_EXHAUSTED. Counters rise
with each call.
"""
import concurrent.futures
import contextlib
import threading

import grpc
import services
from google.rpc import error_details_pb2, status_pb2
from health.v1 import health_pb2, health_pb2_grpc

from glyph.v1 import vlm_pb2, vlm_pb2_grpc

GIB = 1 << 30
BUDGET = 40 * GIB
# GiB reserved and used; the driver's figure is their plan and 0.2 that nothing explains.
COMPONENTS = {"weights": (20, 20), "context": (0.5, 0.5), "workspace": (1, 1), "activations": (2, 2),
              "graphs": (0.25, 0.25), "vision": (1, 0.5), "kv": (15, 1), "driver": (0, 39.95), "unattributed": (0, 0.2)}
STAGES = {"start": 0.5, "loading": 39, "loaded": 38, "first_page": 38.5, "finished": 38.75, "peak_of_five": 39.95}
FAILURES = {"fail": grpc.StatusCode.INTERNAL, "full": grpc.StatusCode.RESOURCE_EXHAUSTED}
ANSWER = ("plan", "ted", "")


class Board:
    """A value that calls follow: now, and after each change."""

    def __init__(self, value):
        self._value = value
        self._changed = threading.Condition()

    def change(self, change):
        """`change` makes the next value of the last one."""
        with self._changed:
            self._value = change(self._value)
            self._changed.notify_all()

    def follow(self, context):
        context.add_callback(lambda: self.change(lambda value: value))
        last = None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._value is not last or not context.is_active())
                last = self._value
            if not context.is_active():
                return
            yield last


def planted_stats():
    stats = vlm_pb2.WatchStatsResponse(
        running=1, waiting=3, kv_blocks_total=100, kv_blocks_used=30, kv_blocks_cached=20, block_tokens=128,
        vision_tokens_total=800, vision_tokens_used=300, vision_tokens_cached=100, gpu_memory_budget_bytes=BUDGET,
        model_name="planted")
    for component, (reserved, used) in COMPONENTS.items():
        used = int(used * GIB)
        stats.memory.add(device="gpu0", component=component, reserved_bytes=int(reserved * GIB), used_bytes=used,
                         peak_start_bytes=used, peak_1m_bytes=used, peak_5m_bytes=used)
    stats.memory.add(device="host", component="process", used_bytes=2 * GIB, peak_start_bytes=3 * GIB,
                     peak_1m_bytes=2 * GIB, peak_5m_bytes=2 * GIB)
    for stage, gib in STAGES.items():
        stats.memory_stages.add(stage=stage, bytes=int(gib * GIB))
    stats.largest_request.peak_start_bytes = 5 * GIB
    stats.largest_request.peak_5m_bytes = 4 * GIB
    stats.largest_request.peak_1m_bytes = 3 * GIB
    return stats


def changed(stats, **added):
    copy = vlm_pb2.WatchStatsResponse.FromString(stats.SerializeToString())
    for field, amount in added.items():
        setattr(copy, field, getattr(copy, field) + amount)
    return copy


def fail(context, code):
    """Ends the call as our services do: without a reason the gateway would call it VLM_FAILED."""
    status = status_pb2.Status(code=code.value[0], message="planted")
    status.details.add().Pack(error_details_pb2.ErrorInfo(reason="PLANTED", domain="glyph"))
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, "planted")


class PlantedVlm(vlm_pb2_grpc.VlmServiceServicer, health_pb2_grpc.HealthServicer, contextlib.AbstractContextManager):
    def __init__(self):
        self._stats = Board(planted_stats())
        self._health = Board(health_pb2.HealthCheckResponse.SERVING)
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(16))
        vlm_pb2_grpc.add_VlmServiceServicer_to_server(self, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *exc_info):
        self._server.stop(None).wait()

    def plant_kv_peak(self, peak_bytes):
        """The KV cache used so much since the last report; it does not any more."""
        def plant(stats):
            stats = changed(stats)
            for use in stats.memory:
                if use.component == "kv":
                    use.peak_start_bytes = use.peak_1m_bytes = use.peak_5m_bytes = peak_bytes
            return stats
        self._stats.change(plant)

    def serve(self, serving):
        status = health_pb2.HealthCheckResponse
        self._health.change(lambda _: status.SERVING if serving else status.NOT_SERVING)

    # What gRPC calls.
    def Watch(self, request, context):
        for status in self._health.follow(context):
            yield health_pb2.HealthCheckResponse(status=status)

    def WatchStats(self, request, context):
        return self._stats.follow(context)

    def GetModel(self, request, context):
        profile = (services.NANO / "render_profile.json").read_bytes()
        return vlm_pb2.GetModelResponse(model=vlm_pb2.Model(
            name="planted", contract_version="1.2", context_tokens=65536, page_grid_px=28, max_page_pixels=1 << 24,
            vocab_size=1000, device="cuda", dtype="bfloat16", render_profile_json=profile))

    def Generate(self, requests, context):
        pages = 0
        for request in requests:
            if request.HasField("start"):
                words = " ".join(part.text for part in request.start.parts)
                yield vlm_pb2.GenerateResponse(admitted=vlm_pb2.Admitted(request_id=request.start.request_id))
            elif request.HasField("offer"):
                index, pages = request.offer.page.page_index, pages + 1
                yield vlm_pb2.GenerateResponse(page_decision=vlm_pb2.PageDecision(
                    page_index=index, answer=vlm_pb2.PAGE_ANSWER_HAVE))
                yield vlm_pb2.GenerateResponse(page_encoded=vlm_pb2.PageEncoded(page_index=index, visual_tokens=50))
        self._stats.change(lambda stats: changed(
            stats, steps_total=10, prompt_tokens_total=100, prefilled_tokens_total=60, reused_tokens_total=40,
            output_tokens_total=len(ANSWER), pages_encoded_total=1, pages_reused_total=3, vision_ms_total=3.0,
            prefill_ms_total=2.0, decode_ms_total=1.0, preemptions_total=1, finished_total=1, failed_total=1))
        if words in FAILURES:
            fail(context, FAILURES[words])
        for i, text in enumerate(ANSWER):
            yield vlm_pb2.GenerateResponse(tokens=vlm_pb2.Tokens(tokens=[vlm_pb2.Token(index=i, id=i, text=text)]))
        yield vlm_pb2.GenerateResponse(finished=vlm_pb2.GenerateFinished(
            reason=vlm_pb2.FINISH_REASON_STOP, prompt_tokens=100, visual_tokens=50 * pages, output_tokens=len(ANSWER)))
