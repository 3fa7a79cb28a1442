#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
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

// Runs plans over the model, part by part in the order a plan states. A plan that only decodes may
// begin before the one before it is finished. Not thread-safe.
class StepRunner {
 public:
  StepRunner(ModelConfig config, std::unique_ptr<ModelWeights> weights, at::ScalarType type,
             ExecutorParts parts);

  // Does what is to be done and, on a GPU, submits the decode rows.
  void Begin(const StepPlan& plan);
  // The oldest step that was begun and not finished. RESOURCE_EXHAUSTED when memory ran out, as
  // StepExecutor::Collect; INTERNAL when anything else inside threw: the runner is then of no
  // further use.
  absl::StatusOr<StepResult> Finish();

  // Where memory was planned, Ops::PlannedMemory; else the parts on the host.
  std::vector<ComponentMemory> memory() const;

 private:
  std::vector<ComponentMemory> HostMemory() const;
  int64_t used_kv_bytes() const;
  // A step that was begun.
  struct Step {
    absl::Status status;
    StepResult result;                       // what is known of it
    std::vector<SequenceSlot> decode_slots;  // of rows that choose a token
    at::Tensor logits;                       // theirs
    std::chrono::steady_clock::time_point decode_begin;
  };

  void BeginOrThrow(const StepPlan& plan, Step& step);
  void FinishOrThrow(Step& step);
  void UpdateSlots(const StepPlan& plan);
  void ClearBlocks(SequenceSlot slot);
  void RunPrefill(const StepPlan& plan, std::vector<SampledToken>& tokens);
  void BeginDecode(std::span<const DecodeWork> rows, Step& step);

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
  std::deque<Step> steps_;                       // begun and not finished, the oldest first
  std::chrono::steady_clock::time_point last_finish_;
};

}  // namespace glyph::vlm
