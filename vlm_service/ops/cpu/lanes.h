#pragma once
#include <cstdint>

#include "vlm_service/ops/cpu/kernels.h"

// Vector registers of float32, reductions of 16 lanes, and the conversions of Bf16. Everything has
// internal linkage, because level.cc is compiled with different instruction sets into one program.
namespace glyph::vlm::cpu {
namespace {

// Bytes of a vector register: GCC splits a wider vector type badly.
#if defined(__AVX512F__)
constexpr int kRegisterBytes = 64;
#elif defined(__AVX2__)
constexpr int kRegisterBytes = 32;
#else
constexpr int kRegisterBytes = 16;
#endif
using FloatRegister = float __attribute__((vector_size(kRegisterBytes)));
using WordRegister = uint32_t __attribute__((vector_size(kRegisterBytes)));
using HalfRegister = uint16_t __attribute__((vector_size(kRegisterBytes / 2)));

constexpr int64_t kWidth = kRegisterBytes / 4;   // floats of a register
constexpr int64_t kLanes = 16;                   // partial sums of every reduction
constexpr int64_t kRegisters = kLanes / kWidth;  // that hold them

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

inline FloatRegister Load(const float* p) {
  FloatRegister values;
  __builtin_memcpy(&values, p, sizeof(values));
  return values;
}
inline FloatRegister Load(const Bf16* p) {
  HalfRegister half;
  __builtin_memcpy(&half, p, sizeof(half));
  const WordRegister words = __builtin_convertvector(half, WordRegister) << 16;
  FloatRegister values;
  __builtin_memcpy(&values, &words, sizeof(values));
  return values;
}

inline void Store(float* p, FloatRegister values) { __builtin_memcpy(p, &values, sizeof(values)); }

// Round of every lane.
inline void StoreRounded(float* p, FloatRegister values) { Store(p, values); }
inline void StoreRounded(Bf16* p, FloatRegister values) {
  WordRegister words;
  __builtin_memcpy(&words, &values, sizeof(words));
  const WordRegister rounded = (words + 0x7FFF + ((words >> 16) & 1)) >> 16;
  const WordRegister kept = values != values ? WordRegister{} + 0x7FC0 : rounded;
  const HalfRegister half = __builtin_convertvector(kept, HalfRegister);
  __builtin_memcpy(p, &half, sizeof(half));
}

// `count` < 16 values, then zeros: what a reduction's last, unfinished step reads.
struct Tail {
  float values[kLanes] = {};

  template <typename T>
  Tail(const T* p, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      values[i] = ToFloat(p[i]);
    }
  }
};

// The upper half of `whole` plus the lower half.
template <typename Half, typename Whole>
inline Half Fold(const Whole& whole) {
  static_assert(sizeof(Whole) == 2 * sizeof(Half));
  Half halves[2];
  __builtin_memcpy(halves, &whole, sizeof(halves));
  return halves[0] + halves[1];
}

// Sum of the 16 lanes, in one fixed order.
inline float Sum(const FloatRegister (&lanes)[kRegisters]) {
  using Lanes8 = float __attribute__((vector_size(32)));
  using Lanes4 = float __attribute__((vector_size(16)));
  using Lanes2 = float __attribute__((vector_size(8)));
  return Fold<float>(Fold<Lanes2>(Fold<Lanes4>(Fold<Lanes8>(lanes))));
}

// Adds a[k] * b[k], k < count, to the 16 lanes: whatever the registers' width, lane l gets every
// k = l modulo 16.
template <typename A, typename B>
inline void AddProducts(FloatRegister (&lanes)[kRegisters], const A* a, const B* b, int64_t count) {
  int64_t k = 0;
  for (; k + kLanes <= count; k += kLanes) {
    for (int64_t i = 0; i < kRegisters; ++i) {
      lanes[i] += Load(a + k + i * kWidth) * Load(b + k + i * kWidth);
    }
  }
  if (k < count) {
    const Tail a_tail(a + k, count - k);
    const Tail b_tail(b + k, count - k);
    for (int64_t i = 0; i < kRegisters; ++i) {
      lanes[i] += Load(a_tail.values + i * kWidth) * Load(b_tail.values + i * kWidth);
    }
  }
}

// sum_k a[k] * b[k] in float32.
template <typename A, typename B>
inline float Dot(const A* a, const B* b, int64_t count) {
  FloatRegister lanes[kRegisters] = {};
  AddProducts(lanes, a, b, count);
  return Sum(lanes);
}

// Asks for rows ahead of their use: a block table leads to places no processor foresees. They come
// to the second cache; more lines can be on their way to it than to the first (18 against 11 GB/s).
template <typename T>
inline void PrefetchRows(const T* rows, int64_t stride, int64_t count, int64_t width) {
  constexpr int64_t kLine = 64 / sizeof(T);
  for (int64_t row = 0; row < count; ++row) {
    for (int64_t i = 0; i < width; i += kLine) __builtin_prefetch(rows + row * stride + i, 0, 2);
  }
}

}  // namespace
}  // namespace glyph::vlm::cpu
