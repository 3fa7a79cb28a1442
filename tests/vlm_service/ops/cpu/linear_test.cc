#include <array>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "tests/vlm_service/ops/cpu/test_values.h"
#include "vlm_service/ops/cpu/kernels.h"

namespace glyph::vlm::cpu {
namespace {

template <typename T>
class CpuLinearTest : public testing::Test {};
TYPED_TEST_SUITE(CpuLinearTest, ElementTypes);

template <typename T>
struct LinearCase {
  int64_t rows, inner, columns;
  std::vector<float> x = Randoms<float>(rows * inner, 1);
  std::vector<T> weight = Randoms<T>(columns * inner, 2);
  std::vector<T> bias = Randoms<T>(columns, 3);

  std::vector<T> Run(Level level, int64_t first_row, int64_t num_rows) const {
    std::vector<T> out(num_rows * columns);
    KernelsOf<T>(level).linear({.x = x.data() + first_row * inner,
                                .weight = weight.data(),
                                .bias = bias.data(),
                                .out = out.data(),
                                .out_stride = columns,
                                .rows = num_rows,
                                .inner = inner},
                               0, columns);
    return out;
  }
};

TYPED_TEST(CpuLinearTest, LinearIsWithinRoundingOfTheExactSums) {
  for (const auto [rows, inner, columns] : std::vector<std::array<int64_t, 3>>{
           {1, 1, 1}, {3, 15, 5}, {7, 16, 4}, {8, 33, 9}, {2, 384, 31}}) {
    const LinearCase<TypeParam> c = {rows, inner, columns};
    std::vector<double> expected;
    double largest = std::sqrt(static_cast<double>(inner));
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t n = 0; n < columns; ++n) {
        double sum = Value(c.bias[n]);
        for (int64_t k = 0; k < inner; ++k) {
          sum += Value(c.x[r * inner + k]) * Value(c.weight[n * inner + k]);
        }
        expected.push_back(sum);
        largest = std::max(largest, std::abs(sum));
      }
    }
    for (const Level level : RunnableLevels()) {
      EXPECT_LE(MaxError(c.Run(level, 0, rows), expected), Tolerance<TypeParam>(largest));
    }
  }
}

TYPED_TEST(CpuLinearTest, LinearRowDoesNotDependOnTheOtherRows) {
  const LinearCase<TypeParam> c = {11, 77, 13};
  for (const Level level : RunnableLevels()) {
    const std::vector<TypeParam> together = c.Run(level, 0, c.rows);
    for (int64_t r = 0; r < c.rows; ++r) {
      const std::vector<TypeParam> row(together.begin() + r * c.columns,
                                       together.begin() + (r + 1) * c.columns);
      EXPECT_TRUE(SameBits(c.Run(level, r, 1), row)) << "row " << r;
    }
  }
}

TYPED_TEST(CpuLinearTest, LinearColumnDoesNotDependOnHowColumnsAreSplit) {
  const LinearCase<TypeParam> c = {5, 50, 14};
  std::vector<TypeParam> split(c.rows * c.columns);
  const LinearParams<TypeParam> params = {.x = c.x.data(),
                                          .weight = c.weight.data(),
                                          .bias = c.bias.data(),
                                          .out = split.data(),
                                          .out_stride = c.columns,
                                          .rows = c.rows,
                                          .inner = c.inner};
  KernelsOf<TypeParam>().linear(params, 0, 3);
  KernelsOf<TypeParam>().linear(params, 3, 4);
  KernelsOf<TypeParam>().linear(params, 4, 14);
  EXPECT_TRUE(SameBits(split, c.Run(BestLevel(), 0, c.rows)));
}

TYPED_TEST(CpuLinearTest, Avx2AndAvx512GiveTheSameBits) {
  if (BestLevel() < Level::kV4) GTEST_SKIP() << "the processor has no AVX-512";
  const LinearCase<TypeParam> c = {6, 401, 17};
  EXPECT_TRUE(SameBits(c.Run(Level::kV3, 0, c.rows), c.Run(Level::kV4, 0, c.rows)));
}

}  // namespace
}  // namespace glyph::vlm::cpu
