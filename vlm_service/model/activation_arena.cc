#include "vlm_service/model/activation_arena.h"

#include <algorithm>

#include "ATen/ops/empty.h"

namespace glyph::vlm {
namespace {

constexpr int64_t kAlignment = 64;      // elements
constexpr int64_t kMinChunk = 1 << 20;  // elements

}  // namespace

ActivationArena::ActivationArena(const at::Tensor& memory)
    : type_(memory.scalar_type()),
      grows_(false),
      chunks_({memory}),
      num_elements_(memory.numel()) {}

at::Tensor ActivationArena::Take(int64_t rows, int64_t columns, at::ScalarType type) {
  const auto width = static_cast<int64_t>(c10::elementSize(type) / c10::elementSize(type_));
  return Take(rows, columns * width).view(type);
}

at::Tensor ActivationArena::Take(int64_t rows, int64_t columns) {
  const int64_t count = rows * columns;
  const int64_t reserved = (count + kAlignment - 1) / kAlignment * kAlignment;
  if (chunks_.empty() || used_ + reserved > chunks_.back().numel()) {
    TORCH_CHECK_WITH(OutOfMemoryError, grows_, "activations: ", used_ + reserved,
                     " values are needed, ", num_elements_, " are planned");
    const int64_t size = std::max({reserved, kMinChunk, chunks_.empty() ? num_elements_ : 0});
    chunks_.push_back(at::empty({size}, at::dtype(type_)));
    num_elements_ = chunks_.size() == 1 ? size : num_elements_ + size;
    used_ = 0;
  }
  at::Tensor tensor = chunks_.back().narrow(0, used_, count).view({rows, columns});
  used_ += reserved;
  return tensor;
}

void ActivationArena::Reset() {
  used_ = 0;
  if (chunks_.size() > 1) chunks_.clear();
}

}  // namespace glyph::vlm
