#include "vlm_service/kernels/activation.h"

#include "tests/vlm_service/kernels/guarded_rows.h"

namespace glyph::vlm::kernels {
namespace {

template <typename T>
class ActivationTest : public ::testing::Test {
 protected:
  std::vector<T> Random(size_t count) { return RandomValues<T>(count, random_, 3.0f); }
  std::mt19937 random_{3};
};
using Elements = ::testing::Types<float, Bf16>;
TYPED_TEST_SUITE(ActivationTest, Elements);

// bfloat16 may round to the other neighbour, in SiluMul twice.
template <typename T>
constexpr double kTolerance = std::is_same_v<T, float> ? 2e-6 : 0.016;

const std::pair<size_t, size_t> kShapes[] = {{1, 13696}, {3, 4096}, {700, 4096}, {160, 13696},
                                             {5, 384},   {4, 13},   {3, 1540},   {1, 1}};

TYPED_TEST(ActivationTest, SiluMul) {
  using T = TypeParam;
  for (const auto& [rows, width] : kShapes) {
    for (const RowLayout& layout : kRowLayouts) {
      SCOPED_TRACE(::testing::Message() << rows << " x " << width << " + " << layout.padding);
      std::vector<T> values = this->Random(rows * 2 * width);
      values[0] = FromFloat<T>(-200.0f);  // whose exponential is infinite
      const GuardedRows<T> gate_up(rows, 2 * width, layout, values);
      GuardedRows<T> out(rows, width, layout);
      Check(LaunchSiluMul({.element = ElementOf<T>(),
                           .gate_up = gate_up.get(),
                           .gate_up_stride = gate_up.stride(),
                           .out = out.get(),
                           .out_stride = out.stride(),
                           .rows = static_cast<int64_t>(rows),
                           .width = static_cast<int64_t>(width)},
                          nullptr));
      std::vector<float> expected(rows * width);
      for (size_t row = 0; row < rows; ++row) {
        for (size_t i = 0; i < width; ++i) {
          const double gate = ToFloat(values[row * 2 * width + i]);
          const auto silu = static_cast<float>(gate / (1.0 + std::exp(-gate)));
          expected[row * width + i] =
              RoundTo<T>(RoundTo<T>(silu) * ToFloat(values[(row * 2 + 1) * width + i]));
        }
      }
      EXPECT_LE(MaxRelativeError(out.Read(), expected, 1e-3), kTolerance<T>);
    }
  }
}

TYPED_TEST(ActivationTest, Gelu) {
  using T = TypeParam;
  for (const auto& [rows, width] : kShapes) {
    for (const RowLayout& layout : kRowLayouts) {
      SCOPED_TRACE(::testing::Message() << rows << " x " << width << " + " << layout.padding);
      const std::vector<T> values = this->Random(rows * width);
      GuardedRows<T> x(rows, width, layout, values);
      Check(LaunchGelu({.element = ElementOf<T>(),
                        .x = x.get(),
                        .x_stride = x.stride(),
                        .rows = static_cast<int64_t>(rows),
                        .width = static_cast<int64_t>(width)},
                       nullptr));
      std::vector<float> expected(rows * width);
      for (size_t i = 0; i < expected.size(); ++i) {
        const double value = ToFloat(values[i]);
        expected[i] =
            RoundTo<T>(static_cast<float>(value * 0.5 * (1.0 + std::erf(value * std::sqrt(0.5)))));
      }
      // Far below zero 1 + erf has lost its digits, as in PyTorch.
      EXPECT_LE(MaxRelativeError(x.Read(), expected, 1.0), kTolerance<T>);
    }
  }
}

TYPED_TEST(ActivationTest, AddIsExact) {
  using T = TypeParam;
  for (const auto& [rows, width] : kShapes) {
    for (const RowLayout& layout : kRowLayouts) {
      SCOPED_TRACE(::testing::Message() << rows << " x " << width << " + " << layout.padding);
      const std::vector<T> values = this->Random(rows * width);
      const std::vector<T> before = this->Random(rows * width);
      const GuardedRows<T> x(rows, width, layout, values);
      GuardedRows<T> residual(rows, width, layout, before);
      Check(LaunchAdd({.element = ElementOf<T>(),
                       .residual = residual.get(),
                       .residual_stride = residual.stride(),
                       .x = x.get(),
                       .x_stride = x.stride(),
                       .rows = static_cast<int64_t>(rows),
                       .width = static_cast<int64_t>(width)},
                      nullptr));
      std::vector<T> expected(rows * width);
      for (size_t i = 0; i < expected.size(); ++i) {
        expected[i] = FromFloat<T>(ToFloat(before[i]) + ToFloat(values[i]));
      }
      EXPECT_TRUE(SameBits(residual.Read(), expected));
    }
  }
}

}  // namespace
}  // namespace glyph::vlm::kernels
