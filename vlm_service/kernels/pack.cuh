#pragma once
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <initializer_list>
#include <type_traits>

#include "vlm_service/kernels/element.h"

// What kernels over rows are made of: 16 bytes of values at a time, and roundings to the model's
// type. T is float or __nv_bfloat16.
namespace glyph::vlm::kernels {

// Values of a 16-byte access.
template <typename T>
inline constexpr int kWideValues = 16 / static_cast<int>(sizeof(T));

__device__ inline float ToFloat(float value) { return value; }
__device__ inline float ToFloat(__nv_bfloat16 value) { return __bfloat162float(value); }

// To nearest, ties to even.
template <typename T>
__device__ inline T Round(float value) {
  if constexpr (std::is_same_v<T, float>) {
    return value;
  } else {
    return __float2bfloat16_rn(value);
  }
}

// The float nearest to `value` that a T can hold.
template <typename T>
__device__ inline float RoundTo(float value) {
  return ToFloat(Round<T>(value));
}

// kValues consecutive values, as they lie in memory. Four and more move in one access, of 16 bytes
// or of 8 (four of bfloat16), from and to addresses aligned to it; fewer move one by one, from
// anywhere.
template <typename T, int kValues>
struct Pack {
  static constexpr bool kWide = kValues >= 4;
  static constexpr int kWords = kValues * static_cast<int>(sizeof(T)) / 4;
  using Words = std::conditional_t<kWords == 4, uint4, uint2>;
  struct Single {
    T values[kValues];
  };
  std::conditional_t<kWide, Words, Single> raw;

  __device__ static Pack Zero() {
    Pack pack;
    if constexpr (kWide) {
      pack.raw = Words{};
    } else {
      for (int i = 0; i < kValues; ++i) pack.raw.values[i] = Round<T>(0.0f);
    }
    return pack;
  }

  __device__ static Pack Load(const T* from) {
    Pack pack;
    if constexpr (kWide) {
      pack.raw = *reinterpret_cast<const Words*>(from);
    } else {
      for (int i = 0; i < kValues; ++i) pack.raw.values[i] = from[i];
    }
    return pack;
  }

  // To global memory. An assignment would be split into single words where `raw` was computed.
  __device__ void Store(T* to) const {
    if constexpr (kWide) {
      __stwb(reinterpret_cast<Words*>(to), raw);
    } else {
      for (int i = 0; i < kValues; ++i) to[i] = raw.values[i];
    }
  }

  __device__ static Pack Rounded(const float (&values)[kValues]) {
    Pack pack;
    if constexpr (!kWide) {
      for (int i = 0; i < kValues; ++i) pack.raw.values[i] = Round<T>(values[i]);
    } else {
      auto* words = reinterpret_cast<uint32_t*>(&pack.raw);
#pragma unroll
      for (int i = 0; i < kWords; ++i) {
        if constexpr (std::is_same_v<T, float>) {
          words[i] = __float_as_uint(values[i]);
        } else {
          words[i] = Word(values[2 * i], values[2 * i + 1]);
        }
      }
    }
    return pack;
  }

  __device__ void ToFloats(float (&values)[kValues]) const {
    if constexpr (!kWide) {
      for (int i = 0; i < kValues; ++i) values[i] = ToFloat(raw.values[i]);
    } else {
      const auto* words = reinterpret_cast<const uint32_t*>(&raw);
#pragma unroll
      for (int i = 0; i < kWords; ++i) {
        if constexpr (std::is_same_v<T, float>) {
          values[i] = __uint_as_float(words[i]);
        } else {
          values[2 * i] = __uint_as_float(words[i] << 16);
          values[2 * i + 1] = __uint_as_float(words[i] & 0xFFFF0000u);
        }
      }
    }
  }

 private:
  // Two values of bfloat16, the first one in the lower half.
  __device__ static uint32_t Word(float first, float second) {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(first, second);
    return uint32_t{__bfloat16_as_ushort(pair.y)} << 16 | __bfloat16_as_ushort(pair.x);
  }
};

// Rounds every value to what a T can hold.
template <typename T, int kValues>
__device__ inline void RoundAll(float (&values)[kValues]) {
  if constexpr (!std::is_same_v<T, float>) Pack<T, kValues>::Rounded(values).ToFloats(values);
}

// Whether accesses may move 16 bytes at once: `values` holds the strides and counts of values that
// must keep an address aligned. Null pointers are.
template <typename T>
bool CanBeWide(std::initializer_list<const void*> pointers, std::initializer_list<int64_t> values) {
  for (const void* pointer : pointers) {
    if (reinterpret_cast<uintptr_t>(pointer) % 16 != 0) return false;
  }
  for (const int64_t value : values) {
    if (value % kWideValues<T> != 0) return false;
  }
  return true;
}

// Calls `function` with a value of the element's type.
template <typename Function>
cudaError_t DispatchElement(Element element, Function function) {
  return element == Element::kFloat32 ? function(float{}) : function(__nv_bfloat16{});
}

inline int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// `count` rounded up to whole warps.
inline unsigned WarpsOf(int64_t count) { return static_cast<unsigned>(CeilDiv(count, 32) * 32); }

}  // namespace glyph::vlm::kernels
