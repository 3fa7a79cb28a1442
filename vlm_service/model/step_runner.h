#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "vlm_service/engine/step_executor.h"
#include "vlm_service/model/activation_arena.h"
#include "vlm_service/model/kv_storage.h"
#include "vlm_service/model/model_config.h"
#include "vlm_service/model/model_weights.h"
#include "vlm_service/model/sequence_slots.h"
#include "vlm_service/model/text_decoder.h"
#include "vlm_service/model/vision_runner.h"

namespace glyph::vlm {

// Runs plans over the model, part by part in the order a plan states. Not thread-safe.
class StepRunner {
 public:
  StepRunner(ModelConfig config, std::unique_ptr<ModelWeights> weights, at::ScalarType type,
             const ExecutorLimits& limits);

  // INTERNAL when anything inside threw; the runner is then of no further use.
  absl::StatusOr<StepResult> Run(const StepPlan& plan);

  std::vector<ComponentMemory> memory() const;

 private:
  // A token for each of the plan's forks, before they are put behind those of the chunks.
  using ForkTokens = std::vector<SampledToken>;

  StepResult RunOrThrow(const StepPlan& plan);
  void UpdateSlots(const StepPlan& plan);
  void RunPrefill(const StepPlan& plan, std::vector<SampledToken>& tokens);
  void RunDecode(std::span<const DecodeWork> rows, std::vector<SampledToken>& tokens);

  // The chunk through every layer; the hidden state [1, hidden] of its last token when it samples,
  // valid until the next pass.
  at::Tensor RunChunk(const PrefillChunk& chunk);
  // The embeddings of a chunk, vision outputs in place of image tokens.
  void Embed(const PrefillChunk& chunk, at::Tensor& hidden);
  // Begins the forks of `from` and chooses their tokens; returns how many there are.
  size_t RunForks(std::span<const SlotFork> forks, SequenceSlot from, std::span<const float> logits,
                  ForkTokens& tokens);
  // Chooses the slot's next token; `logits` [vocab_size] may change.
  SampledToken Choose(SequenceSlot slot, std::span<float> logits);

  const ModelConfig config_;
  const std::unique_ptr<ModelWeights> weights_;
  const ExecutorLimits limits_;
  ActivationArena arena_;
  KvStorage kv_;
  VisionRunner vision_;
  TextDecoder decoder_;
  SequenceSlots slots_;
};

}  // namespace glyph::vlm
