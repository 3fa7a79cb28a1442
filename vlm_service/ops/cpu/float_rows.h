#pragma once
#include <cstdint>

#include "vlm_service/ops/cpu/lanes.h"

namespace glyph::vlm::cpu {
namespace {

// Rows of a matrix, each dense.
template <typename T>
struct Rows {
  const T* data;
  int64_t stride;
};

// Rows as float32: as they lie, or widened into `copy` [rows, width].
inline Rows<float> FloatRows(const float* p, int64_t stride, int64_t, int64_t, float*) {
  return {p, stride};
}
inline Rows<float> FloatRows(const Bf16* p, int64_t stride, int64_t rows, int64_t width,
                             float* copy) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < width; ++i) {
      copy[row * width + i] = ToFloat(p[row * stride + i]);
    }
  }
  return {copy, width};
}

}  // namespace
}  // namespace glyph::vlm::cpu
