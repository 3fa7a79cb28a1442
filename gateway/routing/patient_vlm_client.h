#pragma once
#include <memory>

#include "gateway/routing/outage.h"
#include "gateway/routing/vlm_client.h"

namespace glyph::gateway {

// Asks vlm_service again when it goes away under a question of one answer. Generate passes:
// DocumentFlow tries it again. `vlm` outlives it and the timer of `recovery`. Thread-safe.
class PatientVlmClient final : public VlmClient {
 public:
  // What is left of it to questions on their way, which may outlive it.
  struct Patience;

  PatientVlmClient(VlmClient& vlm, const Recovery& recovery);
  ~PatientVlmClient() override;  // questions on their way are not put again

  std::unique_ptr<GenerateCall> Generate(const UpstreamCall& call,
                                         StreamListener<v1::GenerateResponse> listener) override;
  void GetModel(absl::Time deadline, ModelCallback done) override;
  void CountTokens(std::string text, absl::Time deadline, CountCallback done) override;

 private:
  VlmClient& vlm_;
  const std::shared_ptr<Patience> patience_;
};

}  // namespace glyph::gateway
