#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <type_traits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vlm_service/ops/cpu/kernels.h"

namespace glyph::vlm::cpu {
namespace {

std::vector<Level> RunnableLevels() {
  std::vector<Level> levels = {Level::kV2, Level::kV3, Level::kV4};
  std::erase_if(levels, [](Level level) { return level > BestLevel(); });
  return levels;
}

double Value(float x) { return x; }
double Value(Bf16 x) { return std::bit_cast<float>(uint32_t{x.bits} << 16); }

template <typename T>
T Element(float x) {
  if constexpr (std::is_same_v<T, float>) {
    return x;
  } else {
    const auto bits = std::bit_cast<uint32_t>(x);
    return {static_cast<uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16)};
  }
}

// Values in (-1, 1) that follow from the seed alone.
template <typename T>
std::vector<T> Randoms(size_t count, uint32_t seed) {
  std::minstd_rand random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<T> values(count);
  for (T& value : values) {
    value = Element<T>(uniform(random));
  }
  return values;
}

template <typename T>
bool SameBits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

template <typename T>
double MaxError(const std::vector<T>& actual, const std::vector<double>& expected) {
  EXPECT_EQ(actual.size(), expected.size());
  double error = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    error = std::max(error, std::abs(Value(actual[i]) - expected[i]));
  }
  return error;
}

// Half a unit in the last place of values up to `magnitude`, and the float32 sums before it.
template <typename T>
double Tolerance(double magnitude) {
  return magnitude * (std::is_same_v<T, float> ? 2e-6 : 1.0 / 256);
}

template <typename T>
class CpuKernelsTest : public testing::Test {};
using ElementTypes = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(CpuKernelsTest, ElementTypes);

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

TYPED_TEST(CpuKernelsTest, LinearIsWithinRoundingOfTheExactSums) {
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

TYPED_TEST(CpuKernelsTest, LinearRowDoesNotDependOnTheOtherRows) {
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

TYPED_TEST(CpuKernelsTest, LinearColumnDoesNotDependOnHowColumnsAreSplit) {
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

TYPED_TEST(CpuKernelsTest, Avx2AndAvx512GiveTheSameBits) {
  if (BestLevel() < Level::kV4) GTEST_SKIP() << "the processor has no AVX-512";
  const LinearCase<TypeParam> c = {6, 401, 17};
  EXPECT_TRUE(SameBits(c.Run(Level::kV3, 0, c.rows), c.Run(Level::kV4, 0, c.rows)));
}

TYPED_TEST(CpuKernelsTest, RmsNormRoundsTheNormedValueBeforeTheWeight) {
  constexpr int64_t kRows = 3;
  constexpr int64_t kWidth = 37;
  const auto x = Randoms<TypeParam>(kRows * kWidth, 4);
  const auto weight = Randoms<TypeParam>(kWidth, 5);
  const auto residual = Randoms<TypeParam>(kRows * kWidth, 6);
  std::vector<double> normed;
  std::vector<double> added;
  for (int64_t r = 0; r < kRows; ++r) {
    double squares = 0;
    for (int64_t i = 0; i < kWidth; ++i) {
      squares += std::pow(Value(x[r * kWidth + i]), 2);
    }
    for (int64_t i = 0; i < kWidth; ++i) {
      const double scaled = Value(x[r * kWidth + i]) / std::sqrt(squares / kWidth + 1e-5);
      const double value = Value(Element<TypeParam>(static_cast<float>(scaled))) * Value(weight[i]);
      normed.push_back(value);
      added.push_back(Value(residual[r * kWidth + i]) + value);
    }
  }
  for (const Level level : RunnableLevels()) {
    std::vector<TypeParam> out(kRows * kWidth);
    std::vector<TypeParam> sum = residual;
    RmsNormParams<TypeParam> params = {.x = x.data(),
                                       .x_stride = kWidth,
                                       .weight = weight.data(),
                                       .out = out.data(),
                                       .out_stride = kWidth,
                                       .width = kWidth,
                                       .eps = 1e-5f,
                                       .add = false};
    KernelsOf<TypeParam>(level).rms_norm(params, 0, kRows);
    params.out = sum.data();
    params.add = true;
    KernelsOf<TypeParam>(level).rms_norm(params, 0, kRows);
    EXPECT_LE(MaxError(out, normed), Tolerance<TypeParam>(2));
    EXPECT_LE(MaxError(sum, added), Tolerance<TypeParam>(4));
  }
}

TYPED_TEST(CpuKernelsTest, LayerNormIsWithinRounding) {
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

TYPED_TEST(CpuKernelsTest, SiluMulReadsStridedHalves) {
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

// Two heads of 10 values, of which the first 6 rotate by three angles on two axes.
TYPED_TEST(CpuKernelsTest, RotaryRotatesPairsByTheirAxis) {
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
                                          .rows = 3,
                                          .axis = axis.data(),
                                          .cos = cosines.data(),
                                          .sin = sines.data()},
                                         0, 3);
      EXPECT_LE(MaxError(out, expected), Tolerance<TypeParam>(2));
    }
  }
}

// Sequences of one token, one full block, and blocks out of order with an unfinished last one.
template <typename T>
struct PagedCase {
  static constexpr int64_t kBlockTokens = 4;
  static constexpr int64_t kKvHeads = 2;
  static constexpr int64_t kGroup = 3;
  static constexpr int64_t kHeadDim = 21;
  std::vector<std::vector<int32_t>> tables = {{5}, {2}, {4, 0, 3}};
  std::vector<int64_t> lengths = {1, 4, 10};
  std::vector<T> q = Randoms<T>(3 * kKvHeads * kGroup * kHeadDim, 12);
  std::vector<T> k = Randoms<T>(6 * kBlockTokens * kKvHeads * kHeadDim, 13);
  std::vector<T> v = Randoms<T>(6 * kBlockTokens * kKvHeads * kHeadDim, 14);

  std::vector<T> Run(Level level, int64_t row, int64_t rows) const {
    std::vector<const int32_t*> blocks;
    for (int64_t r = row; r < row + rows; ++r) blocks.push_back(tables[r].data());
    constexpr int64_t kWidth = kKvHeads * kGroup * kHeadDim;
    std::vector<T> out(rows * kWidth);
    std::vector<float> scratch(PagedAttentionScratch(kGroup, kHeadDim, kBlockTokens));
    KernelsOf<T>(level).paged_attention({.q = q.data() + row * kWidth,
                                         .k = k.data(),
                                         .v = v.data(),
                                         .out = out.data(),
                                         .blocks = blocks.data(),
                                         .lengths = lengths.data() + row,
                                         .block_tokens = kBlockTokens,
                                         .kv_heads = kKvHeads,
                                         .group = kGroup,
                                         .head_dim = kHeadDim,
                                         .scale = 0.7f},
                                        0, rows * kKvHeads, scratch.data());
    return out;
  }

  std::vector<double> Expected() const {
    std::vector<double> expected;
    for (int64_t row = 0; row < 3; ++row) {
      for (int64_t head = 0; head < kKvHeads * kGroup; ++head) {
        std::vector<double> sums(kHeadDim, 0.0);
        double total = 0;
        for (int64_t t = 0; t < lengths[row]; ++t) {
          const int64_t at =
              ((tables[row][t / kBlockTokens] * kBlockTokens + t % kBlockTokens) * kKvHeads +
               head / kGroup) *
              kHeadDim;
          double score = 0;
          for (int64_t i = 0; i < kHeadDim; ++i) {
            score +=
                0.7 * Value(q[(row * kKvHeads * kGroup + head) * kHeadDim + i]) * Value(k[at + i]);
          }
          total += std::exp(score);
          for (int64_t i = 0; i < kHeadDim; ++i) sums[i] += std::exp(score) * Value(v[at + i]);
        }
        for (const double sum : sums) expected.push_back(sum / total);
      }
    }
    return expected;
  }
};

TYPED_TEST(CpuKernelsTest, PagedAttentionFollowsTheBlockTable) {
  const PagedCase<TypeParam> c;
  for (const Level level : RunnableLevels()) {
    EXPECT_LE(MaxError(c.Run(level, 0, 3), c.Expected()), Tolerance<TypeParam>(1));
  }
}

TYPED_TEST(CpuKernelsTest, PagedAttentionRowDoesNotDependOnTheOtherRows) {
  const PagedCase<TypeParam> c;
  const std::vector<TypeParam> together = c.Run(BestLevel(), 0, 3);
  const size_t width = together.size() / 3;
  for (int64_t row = 0; row < 3; ++row) {
    const std::vector<TypeParam> part(together.begin() + row * width,
                                      together.begin() + (row + 1) * width);
    EXPECT_TRUE(SameBits(c.Run(BestLevel(), row, 1), part)) << "row " << row;
  }
}

}  // namespace
}  // namespace glyph::vlm::cpu
