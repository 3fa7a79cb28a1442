#include "vlm_service/model/activation_arena.h"

#include <algorithm>

#include "ATen/ops/empty.h"

namespace glyph::vlm {
namespace {

constexpr int64_t kAlignment = 64;      // elements
constexpr int64_t kMinChunk = 1 << 20;  // elements

}  // namespace

at::Tensor ActivationArena::Take(int64_t rows, int64_t columns) {
  const int64_t count = rows * columns;
  const int64_t reserved = (count + kAlignment - 1) / kAlignment * kAlignment;
  if (chunks_.empty() || used_ + reserved > chunks_.back().numel()) {
    chunks_.push_back(at::empty({std::max(reserved, kMinChunk)}, at::dtype(type_)));
    num_bytes_ += static_cast<int64_t>(chunks_.back().nbytes());
    used_ = 0;
  }
  at::Tensor tensor = chunks_.back().narrow(0, used_, count).view({rows, columns});
  used_ += reserved;
  return tensor;
}

void ActivationArena::Reset() {
  used_ = 0;
  if (chunks_.size() <= 1) return;
  chunks_.clear();
  chunks_.push_back(
      at::empty({num_bytes_ / static_cast<int64_t>(c10::elementSize(type_))}, at::dtype(type_)));
}

}  // namespace glyph::vlm
