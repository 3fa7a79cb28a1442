#include "vlm_service/server/vlm_service_impl.h"

#include <memory>
#include <random>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"
#include "proto/rpc/status_conversion.h"

namespace glyph::vlm {
namespace {

constexpr char kContractVersion[] = "1.3";
constexpr size_t kMaxCountedBytes = 512 << 10;  // as all texts of a prompt
constexpr uint32_t kDefaultIntervalMs = 1000;
constexpr uint32_t kMinIntervalMs = 100;
constexpr uint32_t kMaxIntervalMs = 60000;

// Ends a call that never began.
class RefusedWatch : public grpc::ServerWriteReactor<v1::WatchStatsResponse> {
 public:
  explicit RefusedWatch(const absl::Status& status) { Finish(rpc::ToGrpcStatus(status)); }
  void OnDone() override { delete this; }
};

void FillModel(const ServedModel& model, v1::Model& proto) {
  proto.set_name(model.name);
  proto.set_contract_version(kContractVersion);
  proto.set_dtype(model.dtype);
  proto.set_device(model.device);
  proto.set_vocab_size(static_cast<uint32_t>(model.vocab_size));
  proto.set_context_tokens(static_cast<uint64_t>(model.context_tokens));
  proto.set_page_grid_px(static_cast<uint32_t>(model.pages.token_px()));
  proto.set_max_page_pixels(
      static_cast<uint64_t>(model.pages.max_pixels / model.pages.temporal_patch));
  proto.set_render_profile_json(model.render_profile_json);
  proto.set_profile_fingerprint(model.profile_fingerprint);
  for (const int32_t id : model.stop_token_ids) {
    proto.add_stop_token_ids(static_cast<uint32_t>(id));
  }
  proto.set_num_parameters(static_cast<uint64_t>(model.num_parameters));
}

}  // namespace

VlmServiceImpl::VlmServiceImpl(const CallEnvironment& environment)
    : environment_(environment),
      id_prefix_(absl::StrCat("vlm-", absl::Hex(std::random_device{}(), absl::kZeroPad8), "-")) {}

grpc::ServerBidiReactor<v1::GenerateRequest, v1::GenerateResponse>* VlmServiceImpl::Generate(
    grpc::CallbackServerContext* context) {
  auto call =
      std::make_shared<GenerateCall>(environment_, *context, absl::StrCat(id_prefix_, next_id_++));
  call->Start();
  return call.get();
}

grpc::ServerUnaryReactor* VlmServiceImpl::GetModel(grpc::CallbackServerContext* context,
                                                   const v1::GetModelRequest*,
                                                   v1::GetModelResponse* response) {
  FillModel(environment_.model, *response->mutable_model());
  auto* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* VlmServiceImpl::CountTokens(grpc::CallbackServerContext* context,
                                                      const v1::CountTokensRequest* request,
                                                      v1::CountTokensResponse* response) {
  auto* reactor = context->DefaultReactor();
  const std::string& text = request->text();
  if (text.size() > kMaxCountedBytes) {
    reactor->Finish(rpc::ToGrpcStatus(
        rpc::InvalidArgument("INPUT_TOO_LARGE", "text",
                             absl::StrCat("text has ", text.size(), " bytes; at most ",
                                          kMaxCountedBytes, " are counted in one call"))));
    return reactor;
  }
  response->set_tokens(static_cast<uint64_t>(environment_.prompts.CountTextTokens(text)));
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerWriteReactor<v1::WatchStatsResponse>* VlmServiceImpl::WatchStats(
    grpc::CallbackServerContext*, const v1::WatchStatsRequest* request) {
  const uint32_t interval_ms =
      request->interval_ms() == 0 ? kDefaultIntervalMs : request->interval_ms();
  if (interval_ms < kMinIntervalMs || interval_ms > kMaxIntervalMs) {
    return new RefusedWatch(rpc::InvalidArgument(
        "INTERVAL_OUT_OF_RANGE", "interval_ms",
        absl::StrCat("interval_ms is ", interval_ms, "; it must be 0 or lie in [", kMinIntervalMs,
                     ", ", kMaxIntervalMs, "]")));
  }
  auto call = std::make_shared<WatchStatsCall>(
      environment_.engine, watchers_, environment_.model.name, absl::Milliseconds(interval_ms));
  call->Start();
  return call.get();
}

void VlmServiceImpl::Drain() {
  environment_.engine.Drain();
  watchers_.StopAll();
}

}  // namespace glyph::vlm
