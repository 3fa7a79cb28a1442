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

// What one unary call needs until its answer.
template <typename Request, typename Response>
struct Pending {
  grpc::ClientContext context;
  Request request;
  Response response;
};
using PendingModel = Pending<v1::GetModelRequest, v1::GetModelResponse>;
using PendingCount = Pending<v1::CountTokensRequest, v1::CountTokensResponse>;

}  // namespace

RpcVlmClient::RpcVlmClient(const std::shared_ptr<grpc::Channel>& channel)
    : stub_(v1::VlmService::NewStub(channel)) {}

std::unique_ptr<GenerateCall> RpcVlmClient::Generate(
    const UpstreamCall& call, StreamListener<v1::GenerateResponse> listener) {
  auto stream = GenerateStream::Start(
      call, std::move(listener),
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

void RpcVlmClient::CountTokens(std::string text, absl::Time deadline, CountCallback done) {
  auto pending = std::make_shared<PendingCount>();
  pending->context.set_deadline(absl::ToChronoTime(deadline));
  pending->request.set_text(std::move(text));
  stub_->async()->CountTokens(
      &pending->context, &pending->request, &pending->response,
      [pending, done = std::move(done)](const grpc::Status& status) {
        if (!status.ok()) return done(FromUpstream(Upstream::kVlm, rpc::FromGrpcStatus(status)));
        done(pending->response.tokens());
      });
}

}  // namespace glyph::gateway
