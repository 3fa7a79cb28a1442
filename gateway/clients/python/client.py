"""Asks Glyph: a whole answer, a stream, a call that is cancelled, an error with its details.

    python client.py HOST:PORT DOCUMENT QUESTION
"""
import sys

import grpc
from google.rpc import error_details_pb2, status_pb2

from glyph.v1 import gateway_pb2, gateway_pb2_grpc


def ask(stub, request):
    print("".join(event.delta.text for event in stub.Ask(request, timeout=60)))


def stream(stub, request):
    for event in stub.Ask(request, timeout=60):
        if event.HasField("delta"):
            print(event.delta.text, end="|", flush=True)
    print()


def cancel(stub, request):
    call = stub.Ask(request)
    for event in call:  # raises when the call has ended
        if event.HasField("delta"):
            call.cancel()


def show_error(error):
    print(f"{error.code().name}: {error.details()}")
    status = status_pb2.Status()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status.ParseFromString(value)
    for detail in status.details:
        if detail.Unpack(info := error_details_pb2.ErrorInfo()):
            print(f"  reason {info.reason}")
        if detail.Unpack(bad := error_details_pb2.BadRequest()):
            print(*(f"  field {v.field}: {v.description}" for v in bad.field_violations), sep="\n")
        if detail.Unpack(retry := error_details_pb2.RetryInfo()):
            print(f"  retry after {retry.retry_delay.seconds} s")


address, document, question = sys.argv[1:]
request = gateway_pb2.AskRequest(
    parts=[{"document": {"text": document.encode()}}, {"text": question}])
wrong = gateway_pb2.AskRequest(parts=request.parts, generation={"temperature": 3, "top_p": 0})
with grpc.insecure_channel(address) as channel:
    stub = gateway_pb2_grpc.GlyphServiceStub(channel)
    for name, call, message in (("ask", ask, request), ("stream", stream, request),
                                ("cancel", cancel, request), ("error", ask, wrong)):
        print(f"{name}: ", end="")
        try:
            call(stub, message)
        except grpc.RpcError as error:
            show_error(error)
