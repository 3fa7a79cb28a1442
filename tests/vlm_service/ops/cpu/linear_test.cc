#include <array>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "tests/vlm_service/ops/cpu/test_values.h"
#include "vlm_service/ops/cpu/kernels.h"

namespace glyph::vlm::cpu {
namespace {

// Weights of float32 and bfloat16, in models of both.
template <typename T>
class CpuLinearTest : public testing::Test {};
TYPED_TEST_SUITE(CpuLinearTest, ElementTypes);

template <typename W, typename T>
void RunPanels(const Kernels<T>& kernels, const LinearParams<W, T>& params, int64_t begin,
               int64_t end) {
  std::vector<float> scratch(LinearScratch(params.rows, params.inputs), NAN);
  if constexpr (std::is_same_v<W, float>) {
    kernels.linear(params, begin, end, scratch.data());
  } else {
    kernels.linear_bf16(params, begin, end, scratch.data());
  }
}

// weight [outputs, inputs] as LinearParams has it.
template <typename W>
std::vector<W> Panels(const std::vector<W>& weight, int64_t outputs, int64_t inputs) {
  const int64_t pairs = (inputs + 1) / 2;
  std::vector<W> panels((outputs + 15) / 16 * pairs * 32);
  for (int64_t n = 0; n < outputs; ++n) {
    for (int64_t k = 0; k < inputs; ++k) {
      const int64_t pair = (n / 16 * pairs + k / 2) * 32;
      const int64_t at = std::is_same_v<W, float> ? k % 2 * 16 + n % 16 : n % 16 * 2 + k % 2;
      panels[pair + at] = weight[n * inputs + k];
    }
  }
  return panels;
}

template <typename W, typename T>
struct LinearCase {
  int64_t rows, inputs, outputs;
  // A row's end is followed by NaN, which no output may see.
  int64_t x_stride = inputs + 1;
  std::vector<T> x = RowsOfRandoms();
  std::vector<W> weight = Randoms<W>(outputs * inputs, 2);
  std::vector<W> panels = Panels(weight, outputs, inputs);
  std::vector<float> bias = Randoms<float>(outputs, 3);

  LinearParams<W, T> Params(int64_t first_row, int64_t num_rows, T* out) const {
    return {.x = x.data() + first_row * x_stride,
            .x_stride = x_stride,
            .panels = panels.data(),
            .bias = bias.data(),
            .out = out,
            .out_stride = outputs,
            .rows = num_rows,
            .inputs = inputs,
            .outputs = outputs};
  }
  int64_t num_panels() const { return (outputs + 15) / 16; }

  std::vector<T> RowsOfRandoms() const {
    std::vector<T> values = Randoms<T>(rows * x_stride, 1);
    for (int64_t r = 0; r < rows; ++r) values[r * x_stride + inputs] = Element<T>(NAN);
    return values;
  }

  std::vector<double> Exact() const {
    std::vector<double> sums;
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t n = 0; n < outputs; ++n) {
        double sum = bias[n];
        for (int64_t k = 0; k < inputs; ++k) {
          sum += Value(x[r * x_stride + k]) * Value(weight[n * inputs + k]);
        }
        sums.push_back(sum);
      }
    }
    return sums;
  }

  std::vector<T> Run(Level level, int64_t first_row, int64_t num_rows) const {
    std::vector<T> out(num_rows * outputs, Element<T>(NAN));
    RunPanels(KernelsOf<T>(level), Params(first_row, num_rows, out.data()), 0, num_panels());
    return out;
  }
};

// Calls function(LinearCase) for both types of weights.
template <typename T, typename Function>
void ForBothWeights(int64_t rows, int64_t inputs, int64_t outputs, const Function& function) {
  function(LinearCase<float, T>{rows, inputs, outputs});
  function(LinearCase<Bf16, T>{rows, inputs, outputs});
}

TYPED_TEST(CpuLinearTest, LinearIsWithinRoundingOfTheExactSums) {
  for (const auto [rows, inputs, outputs] : std::vector<std::array<int64_t, 3>>{{1, 1, 1},
                                                                                {3, 15, 5},
                                                                                {7, 16, 16},
                                                                                {8, 33, 65},
                                                                                {23, 384, 131},
                                                                                {1, 77, 300},
                                                                                {13, 1023, 49}}) {
    ForBothWeights<TypeParam>(rows, inputs, outputs, [](const auto& c) {
      const std::vector<double> exact = c.Exact();
      const double terms = std::sqrt(static_cast<double>(c.inputs));
      for (const Level level : RunnableLevels()) {
        const std::vector<TypeParam> out = c.Run(level, 0, c.rows);
        for (size_t i = 0; i < exact.size(); ++i) {
          // Of the float32 sums and of the output's rounding.
          const double bound = Tolerance<float>(terms) + Tolerance<TypeParam>(std::abs(exact[i]));
          EXPECT_NEAR(Value(out[i]), exact[i], bound) << "level " << static_cast<int>(level);
        }
      }
    });
  }
}

TYPED_TEST(CpuLinearTest, LinearRowDoesNotDependOnTheOtherRows) {
  ForBothWeights<TypeParam>(27, 77, 133, [](const auto& c) {
    for (const Level level : RunnableLevels()) {
      const std::vector<TypeParam> together = c.Run(level, 0, c.rows);
      for (const int64_t count : {1, 3, 9}) {
        for (int64_t r = 0; r < c.rows; r += count) {
          const std::vector<TypeParam> rows(together.begin() + r * c.outputs,
                                            together.begin() + (r + count) * c.outputs);
          EXPECT_TRUE(SameBits(c.Run(level, r, count), rows)) << count << " from row " << r;
        }
      }
    }
  });
}

TYPED_TEST(CpuLinearTest, LinearOutputDoesNotDependOnHowPanelsAreSplit) {
  ForBothWeights<TypeParam>(5, 50, 14 * 16 + 3, [](const auto& c) {
    std::vector<TypeParam> split(c.rows * c.outputs);
    const auto params = c.Params(0, c.rows, split.data());
    RunPanels(KernelsOf<TypeParam>(), params, 0, 3);
    RunPanels(KernelsOf<TypeParam>(), params, 3, 4);
    RunPanels(KernelsOf<TypeParam>(), params, 4, 15);
    EXPECT_TRUE(SameBits(split, c.Run(BestLevel(), 0, c.rows)));
  });
}

TYPED_TEST(CpuLinearTest, Avx2AndAvx512GiveTheSameBits) {
  if (BestLevel() < Level::kV4) GTEST_SKIP() << "the processor has no AVX-512";
  ForBothWeights<TypeParam>(14, 401, 117, [](const auto& c) {
    EXPECT_TRUE(SameBits(c.Run(Level::kV3, 0, c.rows), c.Run(Level::kV4, 0, c.rows)));
  });
}

TYPED_TEST(CpuLinearTest, DotProductsOfBfloat16ServeOnlyBfloat16MapsOfBfloat16Models) {
  if (BestLevel() < Level::kV4Bf16) GTEST_SKIP() << "the processor has no AVX512_BF16";
  ForBothWeights<TypeParam>(14, 401, 117, [](const auto& c) {
    using Map = std::remove_cvref_t<decltype(c)>;
    if (std::is_same_v<Map, LinearCase<Bf16, Bf16>>) return;
    EXPECT_TRUE(SameBits(c.Run(Level::kV4, 0, c.rows), c.Run(Level::kV4Bf16, 0, c.rows)));
  });
}

}  // namespace
}  // namespace glyph::vlm::cpu
