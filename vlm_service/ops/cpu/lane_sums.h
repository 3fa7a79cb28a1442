#pragma once
#include <cstdint>
#include <utility>

#include "vlm_service/ops/cpu/lanes.h"

// Many dot products at once: their 16 lanes are summed side by side, each in the order of Sum.
namespace glyph::vlm::cpu {
namespace {

// Of a and b, each made of parts of 2 * H lanes: every part's lower half plus its upper half, a's
// parts first. I is 0 .. kWidth - 1.
template <int H, int... I>
inline FloatRegister AddHalves(FloatRegister a, FloatRegister b,
                               std::integer_sequence<int, I...> /*lanes*/) {
  const FloatRegister lower = __builtin_shufflevector(a, b, (I / H * 2 * H + I % H)...);
  const FloatRegister upper = __builtin_shufflevector(a, b, (I / H * 2 * H + I % H + H)...);
  return lower + upper;
}

// Element i of the result is the sum of row i; 2 * H rows. Changes them.
template <int H>
inline FloatRegister SumRows(FloatRegister* rows) {
  constexpr std::make_integer_sequence<int, static_cast<int>(kWidth)> kEach;
  for (int i = 0; i < H; ++i) rows[i] = AddHalves<H>(rows[2 * i], rows[2 * i + 1], kEach);
  if constexpr (H == 1) {
    return rows[0];
  } else {
    return SumRows<H / 2>(rows);
  }
}

// What Sum adds first: 16 lanes to a register's.
inline FloatRegister FoldRegisters(const FloatRegister (&lanes)[kRegisters]) {
  if constexpr (kRegisters == 4) {
    return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
  } else if constexpr (kRegisters == 2) {
    return lanes[0] + lanes[1];
  } else {
    return lanes[0];
  }
}

// rows[i] = the lanes of Dot(a, b[i], inner), folded to a register, for 4 rows at once.
template <typename T>
inline void DotFourRows(FloatRegister* rows, const float* a, const T* const (&b)[4],
                        int64_t inner) {
  FloatRegister lanes[4][kRegisters] = {};
  int64_t k = 0;
  for (; k + kLanes <= inner; k += kLanes) {
    for (int64_t r = 0; r < kRegisters; ++r) {
      const FloatRegister values = Load(a + k + r * kWidth);
      for (int i = 0; i < 4; ++i) lanes[i][r] += values * Load(b[i] + k + r * kWidth);
    }
  }
  for (int i = 0; i < 4; ++i) {
    if (k < inner) AddProducts(lanes[i], a + k, b[i] + k, inner - k);
    rows[i] = FoldRegisters(lanes[i]);
  }
}

// out[i] = Dot(a, b + i * stride, inner) for i < count <= kLanes; from there to kLanes, of the last
// row again.
template <typename T>
inline void DotRows(float* out, const float* a, const T* b, int64_t stride, int64_t count,
                    int64_t inner) {
  for (int64_t first = 0; first < kLanes; first += kWidth) {
    FloatRegister rows[kWidth];
    for (int64_t i = 0; i < kWidth; i += 4) {
      const auto row = [&](int64_t j) {
        return b + (first + i + j < count ? first + i + j : count - 1) * stride;
      };
      DotFourRows<T>(rows + i, a, {row(0), row(1), row(2), row(3)}, inner);
    }
    Store(out + first, SumRows<kWidth / 2>(rows));
  }
}

}  // namespace
}  // namespace glyph::vlm::cpu
