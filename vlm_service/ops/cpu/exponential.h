#pragma once
#include <math.h>

#include <cstdint>

#include "vlm_service/ops/cpu/lanes.h"

namespace glyph::vlm::cpu {
namespace {

// e^x in each lane, relative error below 2e-7. Exactly 1 for 0; 0 below -87, Inf above 88; NaN for
// NaN.
inline FloatRegister Exp(FloatRegister x) {
  constexpr float kLargest = 88.0f;
  constexpr float kLowest = -87.0f;
  constexpr float kRounder = 12582912.0f;  // 1.5 * 2^23: leaves the integer in the low bits
  const FloatRegister shifted = x * 1.44269504f + kRounder;
  const FloatRegister n = shifted - kRounder;
  // x - n * ln 2, ln 2 in two parts.
  const FloatRegister r = x - n * 0.693359375f + n * 2.12194440e-4f;
  FloatRegister p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  WordRegister exponent;
  __builtin_memcpy(&exponent, &shifted, sizeof(exponent));
  exponent = (exponent + 127) << 23;
  FloatRegister power;
  __builtin_memcpy(&power, &exponent, sizeof(power));
  const FloatRegister infinity = FloatRegister{} + INFINITY;
  const FloatRegister value = x > kLargest ? infinity : p * power;
  return x < kLowest ? FloatRegister{} : value;
}

}  // namespace
}  // namespace glyph::vlm::cpu
