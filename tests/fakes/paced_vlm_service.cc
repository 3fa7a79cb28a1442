#include "tests/fakes/paced_vlm_service.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>

#include "grpcpp/alarm.h"

namespace glyph::fakes {
namespace {

constexpr uint32_t kDefaultTokens = 20;

}  // namespace

// One Generate call. At any time it reads, writes or waits for its alarm, whose end carries it on.
class PacedVlmService::Call final
    : public grpc::ServerBidiReactor<v1::GenerateRequest, v1::GenerateResponse> {
 public:
  Call(absl::Duration interval, size_t token_bytes)
      : interval_(absl::ToChronoNanoseconds(interval)), token_bytes_(token_bytes) {
    StartRead(&request_);
  }

 private:
  void OnReadDone(bool ok) override {
    if (ok) {
      const v1::GenerationOptions& options = request_.start().options();
      if (options.has_max_tokens()) num_tokens_ = options.max_tokens();
      return StartRead(&request_);
    }
    due_ = std::chrono::system_clock::now();
    SendNext();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    if (response_.has_finished()) return Finish(grpc::Status::OK);
    if (interval_.count() == 0) return SendNext();
    due_ += interval_;
    alarm_.Set(due_, [this](bool) { SendNext(); });
  }

  void OnDone() override { delete this; }

  void SendNext() {
    response_.Clear();
    if (index_ == num_tokens_) {
      response_.mutable_finished()->set_reason(v1::FINISH_REASON_LENGTH);
      response_.mutable_finished()->set_output_tokens(num_tokens_);
    } else {
      v1::Token& token = *response_.mutable_tokens()->add_tokens();
      token.set_index(index_);
      token.set_id(index_++);
      const auto now = std::chrono::steady_clock::now().time_since_epoch();
      std::string& text = *token.mutable_text() = std::to_string(now.count()) + " ";
      text.resize(std::max(text.size(), token_bytes_), ' ');
    }
    StartWrite(&response_);
  }

  const std::chrono::nanoseconds interval_;
  const size_t token_bytes_;
  v1::GenerateRequest request_;
  v1::GenerateResponse response_;
  uint32_t num_tokens_ = kDefaultTokens;
  uint32_t index_ = 0;  // of the next token
  std::chrono::system_clock::time_point due_;
  grpc::Alarm alarm_;
};

PacedVlmService::PacedVlmService(absl::Duration interval, size_t token_bytes)
    : interval_(interval), token_bytes_(token_bytes) {
  rpc::ServerOptions options;
  options.service_name = "glyph.v1.VlmService";
  options.max_concurrent_streams = rpc::kMaxGatewayStreams;
  options.drain = absl::ZeroDuration();
  auto server = rpc::ServerRunner::Start(options, {this});
  if (!server.ok()) std::abort();
  server_ = *std::move(server);
  server_->SetServing(true);
}

PacedVlmService::~PacedVlmService() { server_.reset(); }

grpc::ServerBidiReactor<v1::GenerateRequest, v1::GenerateResponse>* PacedVlmService::Generate(
    grpc::CallbackServerContext*) {
  return new Call(interval_, token_bytes_);
}

grpc::ServerUnaryReactor* PacedVlmService::GetModel(grpc::CallbackServerContext* context,
                                                    const v1::GetModelRequest*,
                                                    v1::GetModelResponse* response) {
  response->mutable_model()->set_name("paced");
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace glyph::fakes
