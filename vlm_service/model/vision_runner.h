#pragma once
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "ATen/core/Tensor.h"
#include "vlm_service/engine/step_executor.h"
#include "vlm_service/model/activation_arena.h"
#include "vlm_service/model/image_preprocessor.h"
#include "vlm_service/model/model_config.h"
#include "vlm_service/model/model_weights.h"
#include "vlm_service/model/vision_arena.h"
#include "vlm_service/model/vision_encoder.h"

namespace glyph::vlm {

// Encodes pages a slice at a time and holds their outputs. What a page needs between two slices is
// its own, so slices of several pages may alternate. Results do not depend on how a page's units
// are grouped. Not thread-safe.
class VisionRunner {
 public:
  // `config`, `weights`, `scratch` and `ops` must outlive this; every slice resets `scratch`.
  // A page that is begun takes one of `page_memory`, or memory that grows where there is none.
  VisionRunner(const ModelConfig& config, const VisionWeights& weights,
               const ExecutorLimits& limits, at::ScalarType type, ActivationArena& scratch,
               Ops& ops, std::vector<at::Tensor> page_memory = {});

  // CHECK-fails when the slice does not go on where the page's last one ended.
  void Run(const VisionSlice& slice);

  // VisionArena::Load.
  void Load(PageId page, int64_t first_row, at::Tensor& out) {
    outputs_.Load(page, first_row, out);
  }

  // Forgets a page, begun, finished or unknown.
  void Release(PageId page);

  const VisionArena& outputs() const { return outputs_; }
  // Of pages begun and not finished, and what is kept for the next one.
  int64_t work_bytes() const;

 private:
  struct Work {
    std::unique_ptr<ActivationArena> memory;  // of `encoding`
    PageEncoding encoding;
    int32_t next_unit = 0;
  };

  Work Begin(const VisionSlice& slice);
  // Unit 0 is the first one after the embedding.
  void RunLayerUnit(const VisionSlice& slice, int32_t unit, Work& work);
  // Where memory grows one is kept for the next page, the largest.
  void TakeBack(std::unique_ptr<ActivationArena> memory);

  const ExecutorLimits limits_;
  const at::ScalarType type_;
  const ImagePreprocessor preprocessor_;
  ActivationArena& scratch_;
  VisionEncoder encoder_;
  VisionArena outputs_;
  std::unordered_map<PageId, Work> begun_;  // and not finished
  const bool has_page_memory_;
  std::vector<std::unique_ptr<ActivationArena>> spare_;
};

}  // namespace glyph::vlm
