#include "tests/fakes/paced_vlm_service.h"

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>

namespace glyph::fakes {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kDefaultTokens = 20;

void AddToken(uint32_t index, v1::GenerateResponse& response) {
  v1::Token& token = *response.mutable_tokens()->add_tokens();
  token.set_index(index);
  token.set_id(index);
  token.set_text(std::to_string(Clock::now().time_since_epoch().count()) + " ");
}

}  // namespace

PacedVlmService::PacedVlmService(absl::Duration interval) : interval_(interval) {
  rpc::ServerOptions options;
  options.service_name = "glyph.v1.VlmService";
  options.drain = absl::ZeroDuration();
  auto server = rpc::ServerRunner::Start(options, {this});
  if (!server.ok()) std::abort();
  server_ = *std::move(server);
  server_->SetServing(true);
}

PacedVlmService::~PacedVlmService() { server_.reset(); }

grpc::Status PacedVlmService::Generate(grpc::ServerContext*, Stream* stream) {
  v1::GenerateRequest request;
  uint32_t num_tokens = kDefaultTokens;
  while (stream->Read(&request)) {
    const v1::GenerationOptions& options = request.start().options();
    if (options.has_max_tokens()) num_tokens = options.max_tokens();
  }
  auto due = Clock::now();
  for (uint32_t i = 0; i < num_tokens; ++i) {
    std::this_thread::sleep_until(due);
    due += absl::ToChronoNanoseconds(interval_);
    v1::GenerateResponse response;
    AddToken(i, response);
    if (!stream->Write(response)) return grpc::Status::CANCELLED;
  }
  v1::GenerateResponse last;
  last.mutable_finished()->set_reason(v1::FINISH_REASON_LENGTH);
  last.mutable_finished()->set_output_tokens(num_tokens);
  stream->Write(last);
  return grpc::Status::OK;
}

grpc::Status PacedVlmService::GetModel(grpc::ServerContext*, const v1::GetModelRequest*,
                                       v1::GetModelResponse* response) {
  response->mutable_model()->set_name("paced");
  return grpc::Status::OK;
}

}  // namespace glyph::fakes
