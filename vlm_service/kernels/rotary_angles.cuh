#pragma once
#include <cuda_runtime.h>

#include <cstdint>

namespace glyph::vlm::kernels {

// Where one row lies on each axis, loaded before it is known which frequency needs which.
template <int kAxes>
struct AxisPositions {
  int32_t values[kAxes] = {};

  AxisPositions() = default;
  __device__ AxisPositions(const int32_t* positions, int64_t axis_stride, int64_t row) {
#pragma unroll
    for (int i = 0; i < kAxes; ++i) values[i] = positions[i * axis_stride + row];
  }

  __device__ int32_t On(int32_t axis) const {
    int32_t position = values[0];
#pragma unroll
    for (int i = 1; i < kAxes; ++i) position = axis == i ? values[i] : position;
    return position;
  }
};

// Cosine and sine of frequencies [first, first + kCount).
template <int kCount>
struct Angles {
  float cos[kCount];
  float sin[kCount];

  template <int kAxes>
  __device__ Angles(const AxisPositions<kAxes>& positions, const int32_t* axis,
                    const float* cosines, const float* sines, int first, int half) {
    int32_t axes[kCount];
#pragma unroll
    for (int i = 0; i < kCount; ++i) axes[i] = axis[first + i];
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const int64_t at = static_cast<int64_t>(positions.On(axes[i])) * half + first + i;
      cos[i] = cosines[at];
      sin[i] = sines[at];
    }
  }
};

}  // namespace glyph::vlm::kernels
