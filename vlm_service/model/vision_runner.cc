#include "vlm_service/model/vision_runner.h"

#include <algorithm>
#include <utility>

namespace glyph::vlm {

VisionRunner::VisionRunner(const ModelConfig& config, const VisionWeights& weights,
                           const ExecutorLimits& limits, at::ScalarType type,
                           ActivationArena& scratch, Ops& ops, std::vector<at::Tensor> page_memory)
    : limits_(limits),
      type_(type),
      preprocessor_(config, type, ops),
      scratch_(scratch),
      encoder_(config.vision, weights, scratch, ops),
      outputs_(limits.max_vision_tokens, config.text.hidden_size, type, ops),
      has_page_memory_(!page_memory.empty()) {
  for (const at::Tensor& memory : page_memory) {
    spare_.push_back(std::make_unique<ActivationArena>(memory));
  }
}

void VisionRunner::Run(const VisionSlice& slice) {
  if (slice.first_unit == 0) {
    outputs_.Reserve(slice.page, slice.grid.num_tokens());
    begun_.emplace(slice.page, Begin(slice));
  }
  const auto it = begun_.find(slice.page);
  TORCH_CHECK(it != begun_.end() && it->second.next_unit == slice.first_unit,
              "a page's units are out of order");
  Work& work = it->second;
  const int32_t end = slice.first_unit + slice.num_units;
  TORCH_CHECK(end <= limits_.VisionUnits(slice.grid), "a page has fewer units");
  for (int32_t unit = std::max(slice.first_unit, 1); unit < end; ++unit) {
    RunLayerUnit(slice, unit - 1, work);
  }
  work.next_unit = end;
  if (end == limits_.VisionUnits(slice.grid)) {
    TakeBack(std::move(work.memory));
    begun_.erase(it);
  }
}

VisionRunner::Work VisionRunner::Begin(const VisionSlice& slice) {
  Work work;
  TORCH_CHECK_WITH(OutOfMemoryError, !spare_.empty() || !has_page_memory_,
                   "every page memory is in use");
  if (spare_.empty()) spare_.push_back(std::make_unique<ActivationArena>(type_));
  work.memory = std::move(spare_.back());
  spare_.pop_back();
  scratch_.Reset();
  const at::Tensor patches = preprocessor_.Patches(*slice.image, slice.grid, scratch_);
  work.encoding = encoder_.Begin(patches, slice.grid, *work.memory);
  return work;
}

void VisionRunner::RunLayerUnit(const VisionSlice& slice, int32_t unit, Work& work) {
  const int32_t parts = (limits_.VisionUnits(slice.grid) - 1) / limits_.vision_layers;
  const int64_t size =
      limits_.vision_unit_tokens == 0 ? slice.grid.num_tokens() : limits_.vision_unit_tokens;
  const int32_t layer = unit / parts;
  const int64_t first = unit % parts * size;
  const TokenRange tokens = {.first = first,
                             .count = std::min(size, slice.grid.num_tokens() - first)};
  encoder_.RunLayer(layer, tokens, work.encoding);
  if (layer + 1 == limits_.vision_layers) {
    outputs_.Append(slice.page, encoder_.Merge(tokens, work.encoding));
  }
}

void VisionRunner::Release(PageId page) {
  outputs_.Release(page);
  if (auto work = begun_.extract(page)) {
    TakeBack(std::move(work.mapped().memory));
  }
}

void VisionRunner::TakeBack(std::unique_ptr<ActivationArena> memory) {
  memory->Reset();
  if (has_page_memory_ || spare_.empty()) {
    spare_.push_back(std::move(memory));
  } else if (spare_.front()->num_bytes() < memory->num_bytes()) {
    spare_.front() = std::move(memory);
  }
}

int64_t VisionRunner::work_bytes() const {
  int64_t bytes = 0;
  for (const auto& memory : spare_) bytes += memory->num_bytes();
  for (const auto& [page, work] : begun_) {
    bytes += work.memory->num_bytes();
  }
  return bytes;
}

}  // namespace glyph::vlm
