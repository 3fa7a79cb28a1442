#include "gateway/routing/rpc_render_client.h"

#include <algorithm>
#include <utility>

#include "gateway/routing/client_stream.h"

namespace glyph::gateway {
namespace {

// Largest piece of a source in one message; the message stays below 1 MiB.
constexpr size_t kChunkBytes = 1000 * 1024;

using RenderStream = ClientStream<v1::RenderRequest, v1::RenderResponse>;

// Sends what is left of `source` from `offset`, one chunk in flight, then half-closes.
void SendChunks(const std::shared_ptr<RenderStream>& stream,
                const std::shared_ptr<const std::string>& source, size_t offset) {
  if (offset == source->size()) return stream->WritesDone();
  const size_t chunk = std::min(kChunkBytes, source->size() - offset);
  v1::RenderRequest request;
  request.set_data(source->data() + offset, chunk);
  stream->Write(std::move(request),
                [stream, source, offset, chunk] { SendChunks(stream, source, offset + chunk); });
}

class RpcRenderCall final : public RenderCall {
 public:
  explicit RpcRenderCall(std::shared_ptr<RenderStream> stream) : stream_(std::move(stream)) {}
  ~RpcRenderCall() override { stream_->Cancel(); }
  void Read() override { stream_->Read(); }
  void Cancel() override { stream_->Cancel(); }

 private:
  const std::shared_ptr<RenderStream> stream_;
};

}  // namespace

RpcRenderClient::RpcRenderClient(const std::shared_ptr<grpc::Channel>& channel)
    : stub_(v1::RenderService::NewStub(channel)) {}

std::unique_ptr<RenderCall> RpcRenderClient::Render(v1::RenderStart start,
                                                    std::shared_ptr<const std::string> source,
                                                    const UpstreamCall& call,
                                                    StreamListener<v1::RenderResponse> listener) {
  auto stream = RenderStream::Start(
      call, std::move(listener),
      [this](auto* context, auto* reactor) { stub_->async()->Render(context, reactor); });
  v1::RenderRequest request;
  *request.mutable_start() = std::move(start);
  stream->Write(std::move(request), nullptr);
  SendChunks(stream, source, 0);
  return std::make_unique<RpcRenderCall>(std::move(stream));
}

}  // namespace glyph::gateway
