"""A client of the gateway over the generated stubs.

    answer = Client(port).ask([text("Read the page."), document("...")])
"""
import dataclasses

import grpc
import services  # first: it puts the generated stubs on the path
from google.rpc import error_details_pb2, status_pb2

from glyph.v1 import gateway_pb2, gateway_pb2_grpc, render_pb2, vlm_pb2, vlm_pb2_grpc

CALL_LIMIT_S = 120
MAX_MESSAGE_BYTES = 64 << 20


def text(value):
    return gateway_pb2.AskPart(text=value)


def document(value):
    data = value.encode() if isinstance(value, str) else value
    return gateway_pb2.AskPart(document=gateway_pb2.Document(text=data))


def image(data):
    return gateway_pb2.AskPart(image=gateway_pb2.Image(data=data))


def request(*parts, **fields):
    """AskRequest; `generation` and `render` may be dicts."""
    if isinstance(fields.get("generation"), dict):
        fields["generation"] = vlm_pb2.GenerationOptions(**fields["generation"])
    if isinstance(fields.get("render"), dict):
        fields["render"] = render_pb2.RenderOptions(**fields["render"])
    return gateway_pb2.AskRequest(parts=parts, **fields)


def read_runs(source_map):
    """(begin, end, left, top, width) of every cluster of a SourceMap, as page.proto says."""
    offset = top = i = 0
    rare = iter(source_map.rare)
    numbers = iter(source_map.runs)
    for skip, down, x, n in zip(numbers, numbers, numbers, numbers):
        offset, top = offset + skip, top + down
        for i in range(i, i + n // 2):
            code = source_map.clusters[i // 2] >> 4 * (i % 2) & 15
            length, width = source_map.palette[2 * code - 2:2 * code] if code else (next(rare), next(rare))
            yield offset, offset + length, x - width if n % 2 else x, top, width
            offset, x = offset + length, x - width if n % 2 else x + width
        i += 1


@dataclasses.dataclass
class Answer:
    """Everything one Ask call sent. The order of events has been checked."""
    plan: gateway_pb2.AskPlan = None
    pages: list = dataclasses.field(default_factory=list)
    strips: list = dataclasses.field(default_factory=list)
    text: str = ""
    ids: list = dataclasses.field(default_factory=list)
    finished: gateway_pb2.AskFinished = None


def collect(events):
    """Reads a whole answer: plan first, finished last, a page drawn before it is encoded."""
    answer = Answer()
    for event in events:
        kind = event.WhichOneof("event")
        assert answer.finished is None, f"{kind} after finished"
        assert (kind == "plan") == (answer.plan is None), f"{kind}: plan must come first and once"
        if kind == "plan":
            answer.plan = event.plan
        elif kind == "page":
            answer.pages.append(event.page)
        elif kind == "strip":
            answer.strips.append(event.strip)
        elif kind == "delta":
            assert event.delta.text or event.delta.token_ids, "an empty delta"
            answer.text += event.delta.text
            answer.ids += event.delta.token_ids
        elif kind == "finished":
            answer.finished = event.finished
    assert answer.finished is not None, "the stream ended without finished"
    return answer


@dataclasses.dataclass(frozen=True)
class Failure:
    """An error as a client sees it, details unpacked."""
    code: grpc.StatusCode
    message: str
    reason: str
    domain: str
    fields: tuple
    retry_s: float | None

    @staticmethod
    def of(error):
        info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        retry, retry_s = error_details_pb2.RetryInfo(), None
        for key, value in error.trailing_metadata() or ():
            if key == "grpc-status-details-bin":
                for detail in status_pb2.Status.FromString(value).details:
                    detail.Unpack(info), detail.Unpack(bad_request)
                    if detail.Unpack(retry):
                        retry_s = retry.retry_delay.ToTimedelta().total_seconds()
        fields = tuple(v.field for v in bad_request.field_violations)
        return Failure(error.code(), error.details(), info.reason, info.domain, fields, retry_s)


class Client:
    def __init__(self, port, **options):
        limits = {"grpc.max_send_message_length": MAX_MESSAGE_BYTES,
                  "grpc.max_receive_message_length": MAX_MESSAGE_BYTES, "grpc.enable_retries": 0}
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}",
                                             options=list({**limits, **options}.items()))
        self.stub = gateway_pb2_grpc.GlyphServiceStub(self.channel)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.channel.close()

    def ask(self, *parts, timeout=CALL_LIMIT_S, **fields):
        """The whole answer. Raises grpc.RpcError."""
        return collect(self.stub.Ask(request(*parts, **fields), timeout=timeout))

    def failure_of_ask(self, ask_request, timeout=CALL_LIMIT_S):
        """The Failure of a call, or its Answer when it went well."""
        return outcome(lambda: collect(self.stub.Ask(ask_request, timeout=timeout)))

    def render(self, data, options=None, timeout=CALL_LIMIT_S):
        """Page headers, pixels of each page, and RenderDone of a RenderPages call."""
        call = self.stub.RenderPages(gateway_pb2.RenderPagesRequest(
            document=gateway_pb2.Document(text=data), render=options), timeout=timeout)
        headers, pixels, done = [], [], None
        for response in call:
            kind = response.event.WhichOneof("event")
            if kind == "page":
                headers.append(response.event.page)
                pixels.append(b"")
            elif kind == "strip":
                pixels[response.event.strip.page_index] += response.event.strip.pixels
            elif kind == "done":
                done = response.event.done
        return headers, pixels, done

    def status(self):
        return self.stub.GetStatus(gateway_pb2.GetStatusRequest(), timeout=CALL_LIMIT_S)


class Vlm:
    """vlm_service itself, for what the gateway tells only once a second."""

    def __init__(self, port):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.stub = vlm_pb2_grpc.VlmServiceStub(self.channel)

    def stats(self):
        """A snapshot taken now."""
        call = self.stub.WatchStats(vlm_pb2.WatchStatsRequest(), timeout=CALL_LIMIT_S)
        try:
            return next(call)
        finally:
            call.cancel()

    def wait_idle(self, limit_s=10.0):
        """Waits until it holds no request and no block; its statistics."""
        def idle():
            stats = self.stats()
            return None if stats.running or stats.waiting or stats.kv_blocks_used else stats
        return services.wait_until(idle, limit_s, "an idle vlm_service")


def outcome(call):
    try:
        return call()
    except grpc.RpcError as error:
        return Failure.of(error)
