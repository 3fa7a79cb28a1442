#pragma once
#include <cstdint>
#include <random>
#include <vector>

#include "tests/vlm_service/kernels/device_array.h"

namespace glyph::vlm::kernels {

struct LinearShape {
  int64_t rows;
  int64_t out_features;
  int64_t in_features;
  bool bias = false;
  int64_t padding = 0;  // values between the rows of x and of y
};

// Random operands on both sides. Padding of x is poison, and so is all of y, which has kGuard more
// values than its rows need.
template <typename T>
struct LinearOperands {
  static constexpr int64_t kGuard = 64;

  LinearOperands(const LinearShape& shape, int64_t outputs, uint32_t seed)
      : random(seed),
        x_stride(shape.in_features + shape.padding),
        y_stride(outputs + shape.padding),
        x(RandomValues<T>(shape.rows * x_stride, random)),
        weight(RandomValues<T>(shape.out_features * shape.in_features, random,
                               1.0f / std::sqrt(static_cast<float>(shape.in_features)))),
        bias(RandomValues<T>(shape.out_features, random)),
        device_x(Poisoned(x, shape)),
        device_weight(weight),
        device_bias(bias),
        device_y(shape.rows * y_stride + kGuard) {}

  std::vector<T> Poisoned(std::vector<T> values, const LinearShape& shape) const {
    for (size_t i = 0; i < values.size(); ++i) {
      if (static_cast<int64_t>(i) % x_stride >= shape.in_features) values[i] = FromFloat<T>(NAN);
    }
    return values;
  }

  std::mt19937 random;
  int64_t x_stride;
  int64_t y_stride;
  std::vector<T> x;
  std::vector<T> weight;
  std::vector<T> bias;
  DeviceArray<T> device_x;
  DeviceArray<T> device_weight;
  DeviceArray<T> device_bias;
  DeviceArray<T> device_y;
};

// The product before rounding, [rows, out_features], summed in double.
template <typename T>
std::vector<float> LinearReference(const LinearShape& shape, const LinearOperands<T>& operands) {
  std::vector<float> weight(operands.weight.size());
  for (size_t i = 0; i < weight.size(); ++i) weight[i] = ToFloat(operands.weight[i]);
  std::vector<float> y(shape.rows * shape.out_features);
  std::vector<float> x(shape.in_features);
  for (int64_t row = 0; row < shape.rows; ++row) {
    for (int64_t k = 0; k < shape.in_features; ++k) {
      x[k] = ToFloat(operands.x[row * operands.x_stride + k]);
    }
    for (int64_t n = 0; n < shape.out_features; ++n) {
      const float* w = weight.data() + n * shape.in_features;
      // In_features is a multiple of four, and four sums hide the latency of an addition.
      double sums[4] = {};
      for (int64_t k = 0; k < shape.in_features; k += 4) {
        for (int i = 0; i < 4; ++i) sums[i] += static_cast<double>(x[k + i]) * w[k + i];
      }
      const double sum = sums[0] + sums[1] + sums[2] + sums[3];
      y[row * shape.out_features + n] =
          static_cast<float>(shape.bias ? sum + ToFloat(operands.bias[n]) : sum);
    }
  }
  return y;
}

// Rows of a device result without their padding.
template <typename T>
std::vector<T> DenseRows(const std::vector<T>& values, int64_t rows, int64_t width,
                         int64_t stride) {
  std::vector<T> dense;
  for (int64_t row = 0; row < rows; ++row) {
    dense.insert(dense.end(), values.begin() + row * stride, values.begin() + row * stride + width);
  }
  return dense;
}

// Whether all values outside the rows still have every bit set, as poison has.
template <typename T>
bool PoisonIsWhole(const std::vector<T>& values, int64_t rows, int64_t width, int64_t stride) {
  for (size_t i = 0; i < values.size(); ++i) {
    const auto place = static_cast<int64_t>(i);
    if (place < rows * stride && place % stride < width) continue;
    const auto* bytes = reinterpret_cast<const unsigned char*>(&values[i]);
    for (size_t byte = 0; byte < sizeof(T); ++byte) {
      if (bytes[byte] != 0xFF) return false;
    }
  }
  return true;
}

}  // namespace glyph::vlm::kernels
