#pragma once
#include <cuda_runtime_api.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <vector>

namespace glyph::vlm::kernels {

// Ends the test program when a CUDA call failed.
inline void Check(cudaError_t error) {
  if (error == cudaSuccess) return;
  std::cerr << "CUDA: " << cudaGetErrorString(error) << "\n";
  std::abort();
}

// `count` values on the device. Fresh ones are poisoned: every byte is 0xFF, NaN in any float type.
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(size_t count) : count_(count) {
    Check(cudaMalloc(reinterpret_cast<void**>(&data_), count * sizeof(T)));
    Poison();
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    Check(cudaMemcpy(data_, values.data(), count_ * sizeof(T), cudaMemcpyHostToDevice));
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { cudaFree(data_); }

  void Poison() { Check(cudaMemset(data_, 0xFF, count_ * sizeof(T))); }

  // Waits for all work and copies back.
  std::vector<T> Read() const {
    std::vector<T> values(count_);
    Check(cudaDeviceSynchronize());
    Check(cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }

  T* get() const { return data_; }
  size_t size() const { return count_; }

 private:
  T* data_ = nullptr;
  size_t count_;
};

// bfloat16 on the host.
struct Bf16 {
  uint16_t bits;
};
inline float ToFloat(Bf16 value) { return std::bit_cast<float>(uint32_t{value.bits} << 16); }
inline float ToFloat(float value) { return value; }
// To nearest, ties to even; NaN stays NaN.
template <typename T>
T FromFloat(float value) {
  if constexpr (std::is_same_v<T, float>) {
    return value;
  } else {
    const auto bits = std::bit_cast<uint32_t>(value);
    if (std::isnan(value)) return {static_cast<uint16_t>((bits >> 16) | 0x40)};
    return {static_cast<uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16)};
  }
}

// Normal values with this deviation, rounded to T.
template <typename T>
std::vector<T> RandomValues(size_t count, std::mt19937& random, float deviation = 1.0f) {
  std::normal_distribution<float> normal(0.0f, deviation);
  std::vector<T> values(count);
  for (T& value : values) value = FromFloat<T>(normal(random));
  return values;
}

// The largest |a - b| / (floor + |b|); infinite where a is not finite, so that poison shows.
template <typename T>
double MaxRelativeError(const std::vector<T>& a, const std::vector<float>& b, double floor) {
  double worst = a.size() == b.size() ? 0 : INFINITY;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    const double value = ToFloat(a[i]);
    const double error = std::abs(value - b[i]) / (floor + std::abs(b[i]));
    worst = std::max(worst, std::isfinite(error) ? error : static_cast<double>(INFINITY));
  }
  return worst;
}

}  // namespace glyph::vlm::kernels
