#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "vlm_service/engine/step_executor.h"
#include "vlm_service/model/activation_arena.h"
#include "vlm_service/model/decode_inputs.h"
#include "vlm_service/model/executor_parts.h"
#include "vlm_service/model/kv_storage.h"
#include "vlm_service/model/model_config.h"
#include "vlm_service/model/model_weights.h"
#include "vlm_service/model/sequence_slots.h"
#include "vlm_service/model/text_decoder.h"
#include "vlm_service/model/token_chooser.h"
#include "vlm_service/model/vision_runner.h"
#include "vlm_service/ops/ops.h"

namespace glyph::vlm {

// Runs plans over the model, part by part in the order a plan states. Not thread-safe.
class StepRunner {
 public:
  StepRunner(ModelConfig config, std::unique_ptr<ModelWeights> weights, at::ScalarType type,
             ExecutorParts parts);

  // RESOURCE_EXHAUSTED when memory ran out, as StepExecutor::Collect; INTERNAL when anything else
  // inside threw: the runner is then of no further use.
  absl::StatusOr<StepResult> Run(const StepPlan& plan);

  // Where memory was planned, Ops::PlannedMemory; else the parts on the host.
  std::vector<ComponentMemory> memory() const;

 private:
  std::vector<ComponentMemory> HostMemory() const;
  int64_t used_kv_bytes() const;
  StepResult RunOrThrow(const StepPlan& plan);
  void UpdateSlots(const StepPlan& plan);
  void ClearBlocks(SequenceSlot slot);
  void RunPrefill(const StepPlan& plan, std::vector<SampledToken>& tokens);
  void RunDecode(std::span<const DecodeWork> rows, std::vector<SampledToken>& tokens);

  // The chunk through every layer; the hidden state [1, hidden] of its last token when it samples,
  // valid until the next pass.
  at::Tensor RunChunk(const PrefillChunk& chunk);
  void ObserveTokens(const PrefillChunk& chunk);
  // A token for each slot from the same hidden state [1, hidden].
  std::vector<SampledToken> ChooseAlike(const at::Tensor& hidden,
                                        std::span<const SequenceSlot> slots);

  const std::unique_ptr<Ops> ops_;  // outlives every tensor
  const ModelConfig config_;
  const std::unique_ptr<ModelWeights> weights_;
  const ExecutorLimits limits_;
  const std::unique_ptr<ActivationArena> arena_;
  KvStorage kv_;
  VisionRunner vision_;
  TextDecoder decoder_;
  SequenceSlots slots_;
  const std::unique_ptr<TokenChooser> chooser_;
  DecodeInputs decode_inputs_;
  std::map<int64_t, at::Tensor> decode_logits_;  // by padded rows: where a batch leaves them
};

}  // namespace glyph::vlm
