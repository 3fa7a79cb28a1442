#include "vlm_service/kernels/rms_norm.h"

#include "tests/vlm_service/kernels/guarded_rows.h"
#include "tests/vlm_service/kernels/sanitized.h"

namespace glyph::vlm::kernels {
namespace {

constexpr float kEps = 1e-5f;

struct Shape {
  size_t rows;
  size_t width;
};
// Rows of a warp and of a block, ones that 16 bytes do not divide, one beyond any registers.
const Shape kShapes[] = {{1, 4096}, {3, 4096}, {5, 1536}, {9, 384},   {7, 512},  {2, 13696},
                         {1, 1},    {4, 13},   {3, 1540}, {2, 40000}, {600, 64}, {300, 4096}};

constexpr double kSumTolerance = 2e-6;
// Half a step of the rounded result. Two roundings of the reciprocal root may differ by one step,
// which rounding to X may show as a step of the normalised value.
template <typename X, typename T>
constexpr double kTolerance = kSumTolerance + (std::is_same_v<T, float> ? 0.0 : 1.0 / 256) +
                              (std::is_same_v<X, float> ? 0.0 : 1.0 / 128);

// R(x / rms(x)) * weight
template <typename R, typename X, typename T>
std::vector<float> Normalised(const std::vector<X>& x, const std::vector<T>& weight) {
  const size_t width = weight.size();
  std::vector<float> out(x.size());
  for (size_t row = 0; row < x.size(); row += width) {
    double sum = 0;
    for (size_t i = 0; i < width; ++i) sum += double{ToFloat(x[row + i])} * ToFloat(x[row + i]);
    const auto scale = static_cast<float>(1.0 / std::sqrt(sum / static_cast<double>(width) + kEps));
    for (size_t i = 0; i < width; ++i) {
      out[row + i] = RoundTo<R>(ToFloat(x[row + i]) * scale) * ToFloat(weight[i]);
    }
  }
  return out;
}

// The largest error of after = before + added, relative to what was added and what came of it.
double WorstSum(const std::vector<float>& after, const std::vector<float>& before,
                const std::vector<float>& added) {
  double worst = 0;
  for (size_t i = 0; i < after.size(); ++i) {
    const double sum = double{before[i]} + added[i];
    const double relative = std::abs(after[i] - sum) / (1e-3 + std::abs(added[i]) + std::abs(sum));
    worst = std::max(worst, std::isfinite(relative) ? relative : static_cast<double>(INFINITY));
  }
  return worst;
}

template <typename X_, typename T_>
struct TypesOf {
  using X = X_;
  using T = T_;
};
template <typename Types>
struct RmsNormTest : ::testing::Test {
  std::mt19937 random{1};
};
using NormTypes =
    ::testing::Types<TypesOf<float, float>, TypesOf<Bf16, Bf16>, TypesOf<float, Bf16>>;
TYPED_TEST_SUITE(RmsNormTest, NormTypes);

TYPED_TEST(RmsNormTest, NormalisesRows) {
  using X = typename TypeParam::X;
  using T = typename TypeParam::T;
  for (const auto& [rows, width] : kShapes) {
    for (const RowLayout& layout : kRowLayouts) {
      SCOPED_TRACE(::testing::Message() << rows << " x " << width << " + " << layout.padding);
      const auto values = RandomValues<X>(rows * width, this->random, 2.0f);
      const auto weights = RandomValues<T>(width, this->random, 2.0f);
      const GuardedRows<X> x(rows, width, layout, values);
      const DeviceArray<T> weight(weights);
      GuardedRows<T> out(rows, width, layout);
      Check(LaunchRmsNorm({.element = ElementOf<T>(),
                           .x_element = ElementOf<X>(),
                           .x = x.get(),
                           .x_stride = x.stride(),
                           .weight = weight.get(),
                           .out = out.get(),
                           .out_stride = out.stride(),
                           .rows = static_cast<int64_t>(rows),
                           .width = static_cast<int64_t>(width),
                           .eps = kEps},
                          nullptr));
      EXPECT_LE(MaxRelativeError(out.Read(), Normalised<X>(values, weights), 1e-3),
                (kTolerance<X, T>));
    }
  }
}

TEST(RmsNormTypesTest, ResultsAreNoWiderThanTheirRows) {
  EXPECT_EQ(LaunchRmsNorm({.element = Element::kFloat32, .rows = 1, .width = 8}, nullptr),
            cudaErrorInvalidValue);
}

template <typename T>
class AddRmsNormTest : public ::testing::Test {
 protected:
  std::vector<T> Random(size_t count) { return RandomValues<T>(count, random_, 2.0f); }
  std::vector<float> RandomResidual(size_t count) {
    return RandomValues<float>(count, random_, 2.0f);
  }
  std::mt19937 random_{2};
};
using Elements = ::testing::Types<float, Bf16>;
TYPED_TEST_SUITE(AddRmsNormTest, Elements);

TYPED_TEST(AddRmsNormTest, AddsInFloat32AndNormalisesForTheNextLayer) {
  using T = TypeParam;
  for (const auto& [rows, width] : kShapes) {
    for (const RowLayout& layout : kRowLayouts) {
      for (const bool has_next : {false, true}) {
        SCOPED_TRACE(::testing::Message()
                     << rows << " x " << width << " + " << layout.padding << ", " << has_next);
        const std::vector<T> values = this->Random(rows * width);
        const std::vector<float> before = this->RandomResidual(rows * width);
        const std::vector<T> weights = this->Random(width);
        const std::vector<T> next_weights = this->Random(width);
        const GuardedRows<T> x(rows, width, layout, values);
        GuardedRows<float> residual(rows, width, layout, before);
        GuardedRows<T> out(rows, width, layout);
        const DeviceArray<T> weight(weights);
        const DeviceArray<T> next_weight(next_weights);
        Check(LaunchAddRmsNorm({.element = ElementOf<T>(),
                                .residual = residual.get(),
                                .residual_stride = residual.stride(),
                                .x = x.get(),
                                .x_stride = x.stride(),
                                .weight = weight.get(),
                                .next_weight = has_next ? next_weight.get() : nullptr,
                                .out = has_next ? out.get() : nullptr,
                                .out_stride = out.stride(),
                                .rows = static_cast<int64_t>(rows),
                                .width = static_cast<int64_t>(width),
                                .eps = kEps},
                               nullptr));
        const std::vector<float> after = residual.Read();
        EXPECT_LE(WorstSum(after, before, Normalised<float>(values, weights)), kSumTolerance);
        const std::vector<T> normed = out.Read();
        if (has_next) {
          EXPECT_LE(MaxRelativeError(normed, Normalised<float>(after, next_weights), 1e-3),
                    (kTolerance<float, T>));
        } else {
          EXPECT_TRUE(SameBits(normed, Poisoned<T>(rows * width)));
        }
      }
    }
  }
}

TYPED_TEST(AddRmsNormTest, RowDependsOnNoOtherRow) {
  using T = TypeParam;
  const size_t rows_in_all = IsSanitized() ? 50 : 3000;
  for (const size_t width : {size_t{384}, size_t{1536}, size_t{4096}}) {
    const DeviceArray<T> x(this->Random(rows_in_all * width));
    const DeviceArray<T> weight(this->Random(width));
    const std::vector<float> before = this->RandomResidual(rows_in_all * width);
    const DeviceArray<float> together(before);
    const DeviceArray<float> alone(before);
    const DeviceArray<T> out(rows_in_all * width);
    const DeviceArray<T> out_alone(rows_in_all * width);
    const auto launch = [&](size_t first, size_t rows, const DeviceArray<float>& residual,
                            const DeviceArray<T>& result) {
      const auto stride = static_cast<int64_t>(width);
      Check(LaunchAddRmsNorm({.element = ElementOf<T>(),
                              .residual = residual.get() + first * width,
                              .residual_stride = stride,
                              .x = x.get() + first * width,
                              .x_stride = stride,
                              .weight = weight.get(),
                              .next_weight = weight.get(),
                              .out = result.get() + first * width,
                              .out_stride = stride,
                              .rows = static_cast<int64_t>(rows),
                              .width = stride,
                              .eps = kEps},
                             nullptr));
    };
    launch(0, rows_in_all, together, out);
    for (size_t row = 0; row < rows_in_all; ++row) launch(row, 1, alone, out_alone);
    EXPECT_TRUE(SameBits(together.Read(), alone.Read()));
    EXPECT_TRUE(SameBits(out.Read(), out_alone.Read()));
  }
}

TYPED_TEST(AddRmsNormTest, NoRowsAreNoWork) {
  const Element element = ElementOf<TypeParam>();
  EXPECT_EQ(LaunchRmsNorm({.element = element, .rows = 0, .width = 8}, nullptr), cudaSuccess);
  EXPECT_EQ(LaunchAddRmsNorm({.element = element, .rows = 0, .width = 8}, nullptr), cudaSuccess);
  EXPECT_EQ(LaunchAddRmsNorm({.element = element, .rows = 1, .width = 0}, nullptr),
            cudaErrorInvalidValue);
}

}  // namespace
}  // namespace glyph::vlm::kernels
