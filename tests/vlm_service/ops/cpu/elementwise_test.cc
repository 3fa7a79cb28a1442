#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "tests/vlm_service/ops/cpu/test_values.h"
#include "vlm_service/ops/cpu/kernels.h"

namespace glyph::vlm::cpu {
namespace {

template <typename T>
class CpuElementwiseTest : public testing::Test {};
TYPED_TEST_SUITE(CpuElementwiseTest, ElementTypes);

constexpr int64_t kNormRows = 3;
constexpr int64_t kNormWidth = 37;
constexpr float kEps = 1e-5f;

// R(x / rms(x)) * weight in double.
template <typename R, typename X, typename T>
std::vector<double> Normalised(const std::vector<X>& x, const std::vector<T>& weight) {
  const size_t width = weight.size();
  std::vector<double> normed;
  for (size_t row = 0; row < x.size(); row += width) {
    double squares = 0;
    for (size_t i = 0; i < width; ++i) squares += std::pow(Value(x[row + i]), 2);
    const double rms = std::sqrt(squares / static_cast<double>(width) + kEps);
    for (size_t i = 0; i < width; ++i) {
      const auto scaled = static_cast<float>(Value(x[row + i]) / rms);
      normed.push_back(Value(Element<R>(scaled)) * Value(weight[i]));
    }
  }
  return normed;
}

template <typename X, typename T>
RmsNormParams<X, T> NormParams(const std::vector<X>& x, const std::vector<T>& weight,
                               std::vector<T>& out) {
  return {.x = x.data(),
          .x_stride = kNormWidth,
          .weight = weight.data(),
          .out = out.data(),
          .out_stride = kNormWidth,
          .width = kNormWidth,
          .eps = kEps};
}

TYPED_TEST(CpuElementwiseTest, RmsNormRoundsTheNormedValueBeforeTheWeight) {
  const auto x = Randoms<TypeParam>(kNormRows * kNormWidth, 4);
  const auto weight = Randoms<TypeParam>(kNormWidth, 5);
  for (const Level level : RunnableLevels()) {
    std::vector<TypeParam> out(x.size());
    KernelsOf<TypeParam>(level).rms_norm(NormParams(x, weight, out), 0, kNormRows);
    EXPECT_LE(MaxError(out, Normalised<TypeParam>(x, weight)), Tolerance<TypeParam>(1));
  }
}

TYPED_TEST(CpuElementwiseTest, RmsNormOfFloat32RoundsOnce) {
  const auto x = Randoms<float>(kNormRows * kNormWidth, 4);
  const auto weight = Randoms<TypeParam>(kNormWidth, 5);
  for (const Level level : RunnableLevels()) {
    std::vector<TypeParam> out(x.size());
    KernelsOf<TypeParam>(level).rms_norm_float(NormParams(x, weight, out), 0, kNormRows);
    EXPECT_LE(MaxError(out, Normalised<float>(x, weight)), Tolerance<TypeParam>(1));
  }
}

TYPED_TEST(CpuElementwiseTest, AddRmsNormAddsInFloat32) {
  const auto x = Randoms<TypeParam>(kNormRows * kNormWidth, 4);
  const auto weight = Randoms<TypeParam>(kNormWidth, 5);
  const auto residual = Randoms<float>(kNormRows * kNormWidth, 6);
  std::vector<double> expected = Normalised<float>(x, weight);
  for (size_t i = 0; i < expected.size(); ++i) expected[i] += residual[i];
  for (const Level level : RunnableLevels()) {
    std::vector<float> sum = residual;
    KernelsOf<TypeParam>(level).add_rms_norm({.residual = sum.data(),
                                              .residual_stride = kNormWidth,
                                              .x = x.data(),
                                              .x_stride = kNormWidth,
                                              .weight = weight.data(),
                                              .width = kNormWidth,
                                              .eps = kEps},
                                             0, kNormRows);
    EXPECT_LE(MaxError(sum, expected), Tolerance<float>(1));
  }
}

TYPED_TEST(CpuElementwiseTest, LayerNormIsWithinRounding) {
  constexpr int64_t kRows = 2;
  constexpr int64_t kWidth = 51;
  const auto x = Randoms<TypeParam>(kRows * kWidth, 7);
  const auto weight = Randoms<TypeParam>(kWidth, 8);
  const auto bias = Randoms<TypeParam>(kWidth, 9);
  std::vector<double> expected;
  for (int64_t r = 0; r < kRows; ++r) {
    double mean = 0;
    double variance = 0;
    for (int64_t i = 0; i < kWidth; ++i) mean += Value(x[r * kWidth + i]) / kWidth;
    for (int64_t i = 0; i < kWidth; ++i) {
      variance += std::pow(Value(x[r * kWidth + i]) - mean, 2) / kWidth;
    }
    for (int64_t i = 0; i < kWidth; ++i) {
      expected.push_back((Value(x[r * kWidth + i]) - mean) / std::sqrt(variance + 1e-5) *
                             Value(weight[i]) +
                         Value(bias[i]));
    }
  }
  for (const Level level : RunnableLevels()) {
    std::vector<TypeParam> out(kRows * kWidth);
    KernelsOf<TypeParam>(level).layer_norm({.x = x.data(),
                                            .weight = weight.data(),
                                            .bias = bias.data(),
                                            .out = out.data(),
                                            .width = kWidth,
                                            .eps = 1e-5f},
                                           0, kRows);
    EXPECT_LE(MaxError(out, expected), Tolerance<TypeParam>(4));
  }
}

TYPED_TEST(CpuElementwiseTest, SiluMulReadsStridedHalves) {
  constexpr int64_t kRows = 3;
  constexpr int64_t kWidth = 19;
  const auto gate_up = Randoms<TypeParam>(kRows * 2 * kWidth, 10);
  std::vector<double> expected;
  for (int64_t r = 0; r < kRows; ++r) {
    for (int64_t i = 0; i < kWidth; ++i) {
      const double gate = Value(gate_up[r * 2 * kWidth + i]);
      expected.push_back(gate / (1 + std::exp(-gate)) *
                         Value(gate_up[r * 2 * kWidth + kWidth + i]));
    }
  }
  for (const Level level : RunnableLevels()) {
    std::vector<TypeParam> out(kRows * kWidth);
    KernelsOf<TypeParam>(level).silu_mul({.gate = gate_up.data(),
                                          .up = gate_up.data() + kWidth,
                                          .in_stride = 2 * kWidth,
                                          .out = out.data(),
                                          .out_stride = kWidth,
                                          .width = kWidth},
                                         0, kRows);
    EXPECT_LE(MaxError(out, expected), Tolerance<TypeParam>(1));
  }
}

TYPED_TEST(CpuElementwiseTest, SiluOfAnyMagnitudeIsExactToARounding) {
  const std::vector<float> gates = {-1e30f, -200.0f, -88.5f, -87.5f, -20.0f, -1e-20f, 0.0f,
                                    1e-20f, 0.5f,    20.0f,  87.5f,  88.5f,  200.0f,  1e30f};
  for (const Level level : RunnableLevels()) {
    for (const float value : gates) {
      const TypeParam gate = Element<TypeParam>(value);
      const TypeParam up = Element<TypeParam>(1.0f);
      TypeParam out;
      KernelsOf<TypeParam>(level).silu_mul(
          {.gate = &gate, .up = &up, .in_stride = 1, .out = &out, .out_stride = 1, .width = 1}, 0,
          1);
      const double expected = Value(gate) / (1 + std::exp(-Value(gate)));
      EXPECT_NEAR(Value(out), expected, 1e-30 + Tolerance<TypeParam>(std::abs(expected))) << value;
    }
  }
}

TYPED_TEST(CpuElementwiseTest, SiluOfNanIsNan) {
  const TypeParam nan = Element<TypeParam>(std::nanf(""));
  for (const Level level : RunnableLevels()) {
    TypeParam out = Element<TypeParam>(0.0f);
    KernelsOf<TypeParam>(level).silu_mul(
        {.gate = &nan, .up = &nan, .in_stride = 1, .out = &out, .out_stride = 1, .width = 1}, 0, 1);
    EXPECT_TRUE(std::isnan(Value(out)));
  }
}

// Two heads of 10 values, of which the first 6 rotate by three angles on two axes.
TYPED_TEST(CpuElementwiseTest, RotaryRotatesPairsByTheirAxis) {
  const std::vector<int32_t> positions = {0, 3, 1, 4, 2, 2};  // [2 axes, 3 rows]
  const std::vector<int32_t> axis = {0, 1, 1};
  std::vector<float> cosines;
  std::vector<float> sines;
  for (int i = 0; i < 5 * 3; ++i) {
    const double angle = (i / 3) * std::pow(0.3, i % 3);
    cosines.push_back(static_cast<float>(std::cos(angle)));
    sines.push_back(static_cast<float>(std::sin(angle)));
  }
  const auto x = Randoms<TypeParam>(3 * 2 * 10, 11);
  for (const bool adjacent : {true, false}) {
    std::vector<double> expected;
    for (const TypeParam value : x) expected.push_back(Value(value));
    for (int row = 0; row < 3; ++row) {
      for (int i = 0; i < 3; ++i) {
        const int angle = positions[axis[i] * 3 + row] * 3 + i;
        for (int head = 0; head < 2; ++head) {
          const int first = (row * 2 + head) * 10 + (adjacent ? 2 * i : i);
          const int second = first + (adjacent ? 1 : 3);
          const double a = Value(x[first]);
          const double b = Value(x[second]);
          expected[first] = a * cosines[angle] - b * sines[angle];
          expected[second] = b * cosines[angle] + a * sines[angle];
        }
      }
    }
    for (const Level level : RunnableLevels()) {
      std::vector<TypeParam> out = x;
      KernelsOf<TypeParam>(level).rotary({.x = out.data(),
                                          .row_stride = 20,
                                          .head_stride = 10,
                                          .heads = 2,
                                          .half = 3,
                                          .step = adjacent ? 2 : 1,
                                          .gap = adjacent ? 1 : 3,
                                          .round_products = adjacent,
                                          .positions = positions.data(),
                                          .axis_stride = 3,
                                          .axis = axis.data(),
                                          .cos = cosines.data(),
                                          .sin = sines.data()},
                                         0, 3);
      EXPECT_LE(MaxError(out, expected), Tolerance<TypeParam>(2));
    }
  }
}

}  // namespace
}  // namespace glyph::vlm::cpu
