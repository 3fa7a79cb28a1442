// Asks Glyph: a whole answer, a stream, a call that is cancelled, an error with its details.
//   client HOST:PORT DOCUMENT QUESTION
#include <functional>
#include <iostream>
#include <string>

#include "glyph/v1/gateway.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/grpcpp.h"

void ShowError(const grpc::Status& error) {
  std::cout << error.error_code() << ": " << error.error_message() << "\n";
  google::rpc::Status status;
  status.ParseFromString(error.error_details());
  for (const google::protobuf::Any& detail : status.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad;
    google::rpc::RetryInfo retry;
    if (detail.UnpackTo(&info)) std::cout << "  reason " << info.reason() << "\n";
    detail.UnpackTo(&bad);
    for (const auto& violation : bad.field_violations()) {
      std::cout << "  field " << violation.field() << ": " << violation.description() << "\n";
    }
    if (detail.UnpackTo(&retry)) {
      std::cout << "  retry after " << retry.retry_delay().seconds() << " s\n";
    }
  }
}

// Calls `on_text` for each piece of the answer, as they come.
void Ask(glyph::v1::GlyphService::Stub& stub, const glyph::v1::AskRequest& request,
         const std::function<void(const std::string&, grpc::ClientContext&)>& on_text) {
  grpc::ClientContext call;
  const auto stream = stub.Ask(&call, request);
  for (glyph::v1::AskResponse event; stream->Read(&event);) {
    if (event.has_delta()) on_text(event.delta().text(), call);
  }
  if (const auto status = stream->Finish(); !status.ok()) ShowError(status);
}

int main(int, char** argv) {
  const auto channel = grpc::CreateChannel(argv[1], grpc::InsecureChannelCredentials());
  const auto stub = glyph::v1::GlyphService::NewStub(channel);
  glyph::v1::AskRequest request;
  request.add_parts()->mutable_document()->set_text(argv[2]);
  request.add_parts()->set_text(argv[3]);
  std::cout << "ask: ";
  std::string answer;
  Ask(*stub, request, [&](const auto& text, auto&) { answer += text; });
  std::cout << answer << "\nstream: ";
  Ask(*stub, request, [](const auto& text, auto&) { std::cout << text << "|" << std::flush; });
  std::cout << "\ncancel: ";
  Ask(*stub, request, [](const auto&, auto& call) { call.TryCancel(); });
  std::cout << "error: ";
  request.mutable_generation()->set_temperature(3);
  Ask(*stub, request, [](const auto& text, auto&) { std::cout << text; });
}
