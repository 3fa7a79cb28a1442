#pragma once
#include <math.h>

#include <cstdint>

#include "vlm_service/ops/cpu/exponential.h"

namespace glyph::vlm::cpu {
namespace {

// 1 / rms(x)
template <typename X>
inline float InverseRoot(const X* x, int64_t width, float eps) {
  return 1.0f / sqrtf(Dot(x, x, width) / static_cast<float>(width) + eps);
}

template <typename X, typename T>
void RmsNorm(const RmsNormParams<X, T>& p, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const X* x = p.x + row * p.x_stride;
    T* out = p.out + row * p.out_stride;
    const float scale = InverseRoot(x, p.width, p.eps);
    for (int64_t i = 0; i < p.width; ++i) {
      out[i] = Round<T>(ToFloat(p.weight[i]) * RoundTo<X>(ToFloat(x[i]) * scale));
    }
  }
}

template <typename T>
void AddRmsNorm(const AddRmsNormParams<T>& p, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const T* x = p.x + row * p.x_stride;
    float* residual = p.residual + row * p.residual_stride;
    const float scale = InverseRoot(x, p.width, p.eps);
    for (int64_t i = 0; i < p.width; ++i) {
      residual[i] += ToFloat(p.weight[i]) * (ToFloat(x[i]) * scale);
    }
  }
}

template <typename T>
void LayerNorm(const LayerNormParams<T>& p, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const T* x = p.x + row * p.width;
    T* out = p.out + row * p.width;
    double sum = 0;
    double squares = 0;
    for (int64_t i = 0; i < p.width; ++i) {
      const double value = ToFloat(x[i]);
      sum += value;
      squares += value * value;
    }
    const double mean = sum / static_cast<double>(p.width);
    const double variance = squares / static_cast<double>(p.width) - mean * mean;
    const auto scale = static_cast<float>(1.0 / sqrt((variance > 0 ? variance : 0) + p.eps));
    for (int64_t i = 0; i < p.width; ++i) {
      const float normed = (ToFloat(x[i]) - static_cast<float>(mean)) * scale;
      out[i] = Round<T>(normed * ToFloat(p.weight[i]) + ToFloat(p.bias[i]));
    }
  }
}

// silu(gate) of one register's width.
inline FloatRegister Silu(FloatRegister gate) { return gate / (1.0f + Exp(-gate)); }

// Up to kWidth values.
template <typename T>
inline void SiluMulPart(const T* gate, const T* up, T* out, int64_t count) {
  float values[kWidth] = {};
  for (int64_t i = 0; i < count; ++i) {
    values[i] = ToFloat(gate[i]);
  }
  Store(values, Silu(Load(values)));
  for (int64_t i = 0; i < count; ++i) {
    out[i] = Round<T>(RoundTo<T>(values[i]) * ToFloat(up[i]));
  }
}

template <typename T>
void SiluMul(const SiluMulParams<T>& p, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const T* gate = p.gate + row * p.in_stride;
    const T* up = p.up + row * p.in_stride;
    T* out = p.out + row * p.out_stride;
    int64_t i = 0;
    for (; i + kWidth <= p.width; i += kWidth) {
      SiluMulPart(gate + i, up + i, out + i, kWidth);
    }
    SiluMulPart(gate + i, up + i, out + i, p.width - i);
  }
}

template <typename T>
inline void RotatePair(T& first, T& second, float cosine, float sine, bool round_products) {
  const float a = ToFloat(first);
  const float b = ToFloat(second);
  if (round_products) {
    first = Round<T>(RoundTo<T>(a * cosine) + RoundTo<T>(-b * sine));
    second = Round<T>(RoundTo<T>(b * cosine) + RoundTo<T>(a * sine));
  } else {
    first = Round<T>(a * cosine - b * sine);
    second = Round<T>(b * cosine + a * sine);
  }
}

template <typename T>
void Rotary(const RotaryParams<T>& p, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    for (int64_t i = 0; i < p.half; ++i) {
      const int64_t position = p.positions[p.axis[i] * p.axis_stride + row];
      const float cosine = p.cos[position * p.half + i];
      const float sine = p.sin[position * p.half + i];
      T* x = p.x + row * p.row_stride + i * p.step;
      for (int64_t head = 0; head < p.heads; ++head, x += p.head_stride) {
        RotatePair(x[0], x[p.gap], cosine, sine, p.round_products);
      }
    }
  }
}

}  // namespace
}  // namespace glyph::vlm::cpu
