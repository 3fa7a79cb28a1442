#include "gateway/routing/rpc_vlm_client.h"

#include <utility>

#include "gateway/routing/client_stream.h"
#include "gateway/routing/upstream_error.h"

namespace glyph::gateway {
namespace {

using GenerateStream = ClientStream<v1::GenerateRequest, v1::GenerateResponse>;

class RpcGenerateCall final : public GenerateCall {
 public:
  explicit RpcGenerateCall(std::shared_ptr<GenerateStream> stream) : stream_(std::move(stream)) {}
  ~RpcGenerateCall() override { stream_->Cancel(); }
  void Write(v1::GenerateRequest request, std::function<void()> on_written) override {
    stream_->Write(std::move(request), std::move(on_written));
  }
  void WritesDone() override { stream_->WritesDone(); }
  void Read() override { stream_->Read(); }
  void Cancel() override { stream_->Cancel(); }

 private:
  const std::shared_ptr<GenerateStream> stream_;
};

// What one GetModel call needs until its answer.
struct PendingModel {
  grpc::ClientContext context;
  v1::GetModelRequest request;
  v1::GetModelResponse response;
};

}  // namespace

RpcVlmClient::RpcVlmClient(const std::shared_ptr<grpc::Channel>& channel)
    : stub_(v1::VlmService::NewStub(channel)) {}

std::unique_ptr<GenerateCall> RpcVlmClient::Generate(
    absl::Time deadline, StreamListener<v1::GenerateResponse> listener) {
  auto stream = GenerateStream::Start(
      deadline, std::move(listener),
      [this](auto* context, auto* reactor) { stub_->async()->Generate(context, reactor); });
  return std::make_unique<RpcGenerateCall>(std::move(stream));
}

void RpcVlmClient::GetModel(absl::Time deadline, ModelCallback done) {
  auto pending = std::make_shared<PendingModel>();
  pending->context.set_deadline(absl::ToChronoTime(deadline));
  stub_->async()->GetModel(
      &pending->context, &pending->request, &pending->response,
      [pending, done = std::move(done)](const grpc::Status& status) {
        if (!status.ok()) return done(FromUpstream(Upstream::kVlm, rpc::FromGrpcStatus(status)));
        done(std::move(*pending->response.mutable_model()));
      });
}

}  // namespace glyph::gateway
