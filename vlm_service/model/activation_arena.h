#pragma once
#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"

namespace glyph::vlm {

// Memory of one forward pass's intermediate tensors, handed out front to back and all taken back by
// Reset. On the processor it grows to the largest pass seen and then allocates no more. Not
// thread-safe.
class ActivationArena {
 public:
  explicit ActivationArena(at::ScalarType type) : type_(type) {}

  // Hands out `memory`, of one dimension, alone: Take throws torch's OutOfMemoryError beyond it.
  explicit ActivationArena(const at::Tensor& memory);

  // A dense tensor [rows, columns] of the model's type, its contents undefined, valid until Reset.
  at::Tensor Take(int64_t rows, int64_t columns);

  // The same of another type, no narrower.
  at::Tensor Take(int64_t rows, int64_t columns, at::ScalarType type);

  // Takes every tensor back. A pass that outgrew the arena leaves several chunks; the next one gets
  // a single chunk of their size.
  void Reset();

  int64_t num_bytes() const {
    return num_elements_ * static_cast<int64_t>(c10::elementSize(type_));
  }

 private:
  const at::ScalarType type_;
  const bool grows_ = true;
  std::vector<at::Tensor> chunks_;  // of type_, one dimension
  int64_t used_ = 0;                // elements of the last chunk
  int64_t num_elements_ = 0;        // of all chunks, or what the next one shall hold
};

}  // namespace glyph::vlm
