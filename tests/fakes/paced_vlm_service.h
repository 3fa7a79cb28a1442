#pragma once
#include <memory>

#include "absl/time/time.h"
#include "glyph/v1/vlm.grpc.pb.h"
#include "proto/rpc/server_runner.h"

namespace glyph::fakes {

// vlm_service without a model that answers on time: after the prompt, max_tokens tokens (20 when
// unset), one every `interval` (0: as fast as they are taken). The text of a token is the time of
// its sending, nanoseconds of the steady clock, and a space. Takes texts only. Thread-safe.
class PacedVlmService final : public v1::VlmService::CallbackService {
 public:
  // `token_bytes`: shorter texts of tokens are filled up with spaces to so many bytes.
  explicit PacedVlmService(absl::Duration interval, size_t token_bytes = 0);
  ~PacedVlmService() override;

  rpc::ServerRunner& server() { return *server_; }

 private:
  class Call;
  grpc::ServerBidiReactor<v1::GenerateRequest, v1::GenerateResponse>* Generate(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const v1::GetModelRequest* request,
                                     v1::GetModelResponse* response) override;

  const absl::Duration interval_;
  const size_t token_bytes_;
  std::unique_ptr<rpc::ServerRunner> server_;
};

}  // namespace glyph::fakes
