#include "vlm_service/model/vision_arena.h"

#include <numeric>
#include <utility>

#include "ATen/ops/empty.h"
#include "vlm_service/ops/rows.h"

namespace glyph::vlm {

VisionArena::VisionArena(int64_t max_tokens, int64_t hidden_size, at::ScalarType type)
    : rows_(at::empty({max_tokens, hidden_size}, at::dtype(type))), free_(max_tokens) {
  std::iota(free_.rbegin(), free_.rend(), 0);
}

void VisionArena::Store(PageId page, const at::Tensor& output) {
  const auto count = static_cast<size_t>(output.size(0));
  TORCH_CHECK(!pages_.contains(page), "a page was encoded twice under one id");
  TORCH_CHECK(count <= free_.size(), "vision arena: ", count, " tokens, free ", free_.size());
  std::vector<int32_t> rows(free_.end() - static_cast<ptrdiff_t>(count), free_.end());
  free_.resize(free_.size() - count);
  ops::ScatterRows(rows_, rows, output);
  pages_.emplace(page, std::move(rows));
}

void VisionArena::Load(PageId page, at::Tensor& out) const {
  const auto it = pages_.find(page);
  TORCH_CHECK(it != pages_.end(), "a prompt's page was not encoded");
  TORCH_CHECK(static_cast<size_t>(out.size(0)) == it->second.size(), "a page's grid differs");
  ops::GatherRows(out, rows_, it->second);
}

void VisionArena::Release(PageId page) {
  const auto it = pages_.find(page);
  if (it == pages_.end()) return;
  free_.insert(free_.end(), it->second.begin(), it->second.end());
  pages_.erase(it);
}

int64_t VisionArena::used_bytes() const {
  const int64_t used = rows_.size(0) - static_cast<int64_t>(free_.size());
  return used * rows_.size(1) * static_cast<int64_t>(rows_.element_size());
}

}  // namespace glyph::vlm
