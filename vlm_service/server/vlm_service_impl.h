#pragma once
#include <atomic>
#include <cstdint>
#include <string>

#include "glyph/v1/vlm.grpc.pb.h"
#include "vlm_service/server/generate_call.h"
#include "vlm_service/server/watch_stats_call.h"

namespace glyph::vlm {

// glyph.v1.VlmService over one engine: makes a reactor for each call, nothing else. Thread-safe.
class VlmServiceImpl final : public v1::VlmService::CallbackService {
 public:
  // Everything in `environment` outlives the service.
  explicit VlmServiceImpl(const CallEnvironment& environment);

  grpc::ServerBidiReactor<v1::GenerateRequest, v1::GenerateResponse>* Generate(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const v1::GetModelRequest* request,
                                     v1::GetModelResponse* response) override;
  grpc::ServerUnaryReactor* CountTokens(grpc::CallbackServerContext* context,
                                        const v1::CountTokensRequest* request,
                                        v1::CountTokensResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchStatsResponse>* WatchStats(
      grpc::CallbackServerContext* context, const v1::WatchStatsRequest* request) override;

  // Refuses new requests and ends the watching calls; open requests run to their end.
  void Drain();

 private:
  const CallEnvironment environment_;
  const std::string id_prefix_;  // of ids the server makes; differs between processes
  std::atomic<uint64_t> next_id_ = 1;
  StatsWatchers watchers_;
};

}  // namespace glyph::vlm
