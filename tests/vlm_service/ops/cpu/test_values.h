#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "vlm_service/ops/cpu/kernels.h"

// Values, bits and bounds for the tests of the kernels.
namespace glyph::vlm::cpu {

inline std::vector<Level> RunnableLevels() {
  std::vector<Level> levels = {Level::kV2, Level::kV3, Level::kV4, Level::kV4Bf16};
  std::erase_if(levels, [](Level level) { return level > BestLevel(); });
  return levels;
}

inline double Value(float x) { return x; }
inline double Value(Bf16 x) { return std::bit_cast<float>(uint32_t{x.bits} << 16); }

template <typename T>
T Element(float x) {
  if constexpr (std::is_same_v<T, float>) {
    return x;
  } else {
    const auto bits = std::bit_cast<uint32_t>(x);
    return {static_cast<uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16)};
  }
}

// Values in (-1, 1) that follow from the seed alone.
template <typename T>
std::vector<T> Randoms(size_t count, uint32_t seed) {
  std::minstd_rand random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<T> values(count);
  for (T& value : values) {
    value = Element<T>(uniform(random));
  }
  return values;
}

template <typename T>
bool SameBits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

template <typename T>
double MaxError(const std::vector<T>& actual, const std::vector<double>& expected) {
  EXPECT_EQ(actual.size(), expected.size());
  double error = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    error = std::max(error, std::abs(Value(actual[i]) - expected[i]));
  }
  return error;
}

// Half a unit in the last place of values up to `magnitude`, and the float32 sums before it.
template <typename T>
double Tolerance(double magnitude) {
  return magnitude * (std::is_same_v<T, float> ? 2e-6 : 1.0 / 256);
}

using ElementTypes = testing::Types<float, Bf16>;

}  // namespace glyph::vlm::cpu
