#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "vlm_service/engine/step_executor.h"
#include "vlm_service/model/activation_arena.h"
#include "vlm_service/model/image_preprocessor.h"
#include "vlm_service/model/kv_storage.h"
#include "vlm_service/model/model_config.h"
#include "vlm_service/model/model_weights.h"
#include "vlm_service/model/text_decoder.h"
#include "vlm_service/model/vision_arena.h"
#include "vlm_service/model/vision_encoder.h"
#include "vlm_service/sampling/sampler.h"

namespace glyph::vlm {

// Runs plans over the model and keeps what sequences need between steps: block table, sampler and
// last token of each slot, and the vision outputs. Not thread-safe.
class StepRunner {
 public:
  StepRunner(ModelConfig config, std::unique_ptr<ModelWeights> weights, at::ScalarType type,
             const ExecutorLimits& limits);

  // INTERNAL when anything inside threw; the runner is then of no further use.
  absl::StatusOr<StepResult> Run(const StepPlan& plan);

  std::vector<ComponentMemory> memory() const;

 private:
  struct Slot {
    std::vector<int32_t> blocks;
    Sampler sampler;
    int64_t num_outputs = 0;
    int32_t last_token = 0;
    bool return_logits = false;
  };

  StepResult RunOrThrow(const StepPlan& plan);
  void Encode(const VisionWork& work);
  SampledToken Prefill(const PrefillWork& work);
  void Decode(std::span<const DecodeWork> rows, std::vector<SampledToken>& tokens);

  Slot& slot(SequenceSlot id);
  // The cache row of token `index` of a sequence with these blocks.
  int32_t CacheRow(std::span<const int32_t> blocks, int64_t index) const;
  // The embeddings of a prompt, its pages' vision outputs in place of their image tokens.
  void EmbedPrompt(const PrefillWork& work, at::Tensor& hidden);
  // Chooses the slot's next token; `logits` [vocab_size] may change.
  SampledToken Choose(SequenceSlot id, std::span<float> logits);

  const ModelConfig config_;
  const std::unique_ptr<ModelWeights> weights_;
  const ExecutorLimits limits_;
  ActivationArena arena_;
  KvStorage kv_;
  VisionArena vision_;
  const ImagePreprocessor preprocessor_;
  VisionEncoder encoder_;
  TextDecoder decoder_;
  std::vector<std::optional<Slot>> slots_;  // [max_slots]
};

}  // namespace glyph::vlm
