#pragma once
#include <cstdint>

#include "vlm_service/ops/cpu/kernels.h"

// 16 float32 lanes and the conversions of Bf16. Everything has internal linkage, because level.cc
// is compiled with different instruction sets into one program.
namespace glyph::vlm::cpu {
namespace {

constexpr int64_t kLanes = 16;
using Lanes = float __attribute__((vector_size(64)));
using WordLanes = uint32_t __attribute__((vector_size(64)));
using HalfLanes = uint16_t __attribute__((vector_size(32)));

inline float ToFloat(float value) { return value; }
inline float ToFloat(Bf16 value) {
  return __builtin_bit_cast(float, static_cast<uint32_t>(value.bits) << 16);
}

template <typename T>
inline T Round(float value);
template <>
inline float Round<float>(float value) {
  return value;
}
// To nearest, ties to even; NaN stays NaN.
template <>
inline Bf16 Round<Bf16>(float value) {
  if (value != value) {
    return {0x7FC0};
  }
  const auto bits = __builtin_bit_cast(uint32_t, value);
  return {static_cast<uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16)};
}

// The float nearest to `value` that a T can hold.
template <typename T>
inline float RoundTo(float value) {
  return ToFloat(Round<T>(value));
}

inline Lanes LoadLanes(const float* p) {
  Lanes lanes;
  __builtin_memcpy(&lanes, p, sizeof(lanes));
  return lanes;
}
inline Lanes LoadLanes(const Bf16* p) {
  HalfLanes half;
  __builtin_memcpy(&half, p, sizeof(half));
  const WordLanes words = __builtin_convertvector(half, WordLanes) << 16;
  Lanes lanes;
  __builtin_memcpy(&lanes, &words, sizeof(lanes));
  return lanes;
}

// The first `count` < 16 values, then zeros.
template <typename T>
inline Lanes LoadTail(const T* p, int64_t count) {
  float values[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) {
    values[i] = ToFloat(p[i]);
  }
  return LoadLanes(values);
}

// Sum of the lanes, in one fixed order.
inline float Sum(const Lanes& lanes) {
  float values[kLanes];
  __builtin_memcpy(values, &lanes, sizeof(lanes));
  for (int64_t width = kLanes / 2; width > 0; width /= 2) {
    for (int64_t i = 0; i < width; ++i) {
      values[i] += values[i + width];
    }
  }
  return values[0];
}

// sum_k a[k] * b[k] in float32.
template <typename A, typename B>
inline float Dot(const A* a, const B* b, int64_t count) {
  Lanes sum = {};
  int64_t k = 0;
  for (; k + kLanes <= count; k += kLanes) {
    sum += LoadLanes(a + k) * LoadLanes(b + k);
  }
  if (k < count) {
    sum += LoadTail(a + k, count - k) * LoadTail(b + k, count - k);
  }
  return Sum(sum);
}

}  // namespace
}  // namespace glyph::vlm::cpu
