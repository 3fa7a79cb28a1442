#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"
#include "ATen/ops/arange.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/matmul.h"
#include "ATen/ops/randn.h"
#include "ATen/ops/stack.h"
#include "ATen/ops/tensor.h"
#include "ATen/ops/zeros.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vlm_service/ops/attention.h"
#include "vlm_service/ops/elementwise.h"
#include "vlm_service/ops/linear.h"
#include "vlm_service/ops/position_embedding.h"
#include "vlm_service/ops/rotary.h"
#include "vlm_service/ops/rows.h"

namespace glyph::vlm::ops {
namespace {

// Largest |actual - expected| as a part of the largest |expected|.
double Error(const at::Tensor& actual, const at::Tensor& expected) {
  EXPECT_EQ(actual.sizes(), expected.sizes());
  const at::Tensor difference = actual.to(at::kDouble).sub(expected.to(at::kDouble)).abs();
  return difference.max().item<double>() / expected.abs().max().item<double>();
}

// The bound on Error for one rounding of results and, in float32, the sums before it.
double Tolerance(at::ScalarType type) { return type == at::kFloat ? 1e-5 : 1.0 / 128; }

class OpsTest : public testing::TestWithParam<at::ScalarType> {
 protected:
  at::ScalarType type() const { return GetParam(); }
  at::Tensor Randoms(at::IntArrayRef shape) const { return at::randn(shape).to(type()); }
  at::Tensor Empty(at::IntArrayRef shape) const { return at::empty(shape, at::dtype(type())); }
};

INSTANTIATE_TEST_SUITE_P(Types, OpsTest, testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& info) {
                           return info.param == at::kFloat ? "Float32" : "BFloat16";
                         });

TEST_P(OpsTest, LinearIsTheMapOfItsWeightsWhateverTheirType) {
  const at::Tensor x = Randoms({9, 45});
  for (const at::ScalarType stored : {at::kFloat, at::kBFloat16, at::kHalf}) {
    const at::Tensor weight = at::randn({23, 45}).to(stored);
    const at::Tensor bias = at::randn({23}).to(stored);
    const at::Tensor product = at::matmul(x.to(at::kDouble), weight.to(type()).to(at::kDouble).t());
    at::Tensor out = Empty({9, 23});
    Linear(out, x, PackLinear(weight, {}, type()));
    EXPECT_LE(Error(out, product), Tolerance(type()));
    Linear(out, x, PackLinear(weight, bias, type()));
    EXPECT_LE(Error(out, product.add(bias.to(type()).to(at::kDouble))), Tolerance(type()));
  }
}

TEST_P(OpsTest, PackedWeightsKeepTheSmallerType) {
  const at::Tensor weight = at::randn({32, 8});
  EXPECT_EQ(PackLinear(weight, {}, type()).panels.scalar_type(), type());
  const LinearWeights packed = PackLinear(weight.to(at::kBFloat16), {}, type());
  EXPECT_EQ(packed.panels.nbytes(), 2 * weight.numel());
}

TEST_P(OpsTest, LinearReadsAndWritesPartsOfTensors) {
  const at::Tensor x = Randoms({5, 30}).narrow(1, 4, 17);
  const at::Tensor weight = Randoms({8, 17});
  at::Tensor whole = at::zeros({5, 20}, at::dtype(type()));
  at::Tensor part = whole.narrow(1, 6, 8);
  Linear(part, x, PackLinear(weight, {}, type()));
  EXPECT_LE(Error(part, at::matmul(x.to(at::kDouble), weight.to(at::kDouble).t())),
            Tolerance(type()));
  EXPECT_EQ(whole.narrow(1, 0, 6).abs().max().item<float>(), 0.0f);
  EXPECT_EQ(whole.narrow(1, 14, 6).abs().max().item<float>(), 0.0f);
}

// softmax(q k^T / sqrt(d)) v in double, query head h on KV head h / group.
at::Tensor NaiveAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          bool causal) {
  const int64_t group = q.size(1) / k.size(1);
  std::vector<at::Tensor> heads;
  for (int64_t head = 0; head < q.size(1); ++head) {
    const auto of = [](const at::Tensor& x, int64_t h) { return x.select(1, h).to(at::kDouble); };
    at::Tensor scores = at::matmul(of(q, head), of(k, head / group).t())
                            .div(std::sqrt(static_cast<double>(q.size(2))))
                            .exp();
    if (causal) scores = scores.tril();
    heads.push_back(at::matmul(scores.div(scores.sum(1, /*keepdim=*/true)), of(v, head / group)));
  }
  return at::stack(heads, 1);
}

TEST_P(OpsTest, AttentionSharesKeysAmongAGroupOfHeads) {
  const at::Tensor q = Randoms({137, 6, 20});
  const at::Tensor k = Randoms({137, 2, 20});
  const at::Tensor v = Randoms({137, 2, 20});
  at::Tensor out = Empty({137, 6, 20});
  Attention(out, q, k, v);
  EXPECT_LE(Error(out, NaiveAttention(q, k, v, false)), 2 * Tolerance(type()));
}

TEST_P(OpsTest, AttentionReadsInterleavedProjections) {
  const at::Tensor qkv = Randoms({29, 3, 4, 12});
  at::Tensor out = Empty({29, 4, 12});
  Attention(out, qkv.select(1, 0), qkv.select(1, 1), qkv.select(1, 2));
  EXPECT_LE(Error(out, NaiveAttention(qkv.select(1, 0), qkv.select(1, 1), qkv.select(1, 2), false)),
            2 * Tolerance(type()));
}

TEST_P(OpsTest, AttentionOfPartOfAPageIsThatPartOfThePages) {
  const at::Tensor qkv = Randoms({150, 3, 2, 12});
  const at::Tensor k = qkv.select(1, 1);
  const at::Tensor v = qkv.select(1, 2);
  at::Tensor whole = Empty({150, 2, 12});
  at::Tensor part = Empty({43, 2, 12});
  Attention(whole, qkv.select(1, 0), k, v);
  Attention(part, qkv.select(1, 0).narrow(0, 70, 43), k, v);
  EXPECT_TRUE(part.equal(whole.narrow(0, 70, 43)));
}

// A sequence's keys and values in blocks of 8 tokens, out of order.
struct PagedCache {
  at::Tensor table = at::tensor({3, 0, 2, 5, 1}, at::kInt);
  at::Tensor keys;
  at::Tensor values;

  PagedCache(const at::Tensor& k, const at::Tensor& v)
      : keys(at::zeros({6, k.size(1), 8, k.size(2)}, k.options())), values(keys.clone()) {
    for (int64_t t = 0; t < k.size(0); ++t) {
      const int64_t block = table[t / 8].item<int32_t>();
      keys.select(0, block).select(1, t % 8).copy_(k[t]);
      values.select(0, block).select(1, t % 8).copy_(v[t]);
    }
  }
};

TEST_P(OpsTest, ChunksOfASequenceAreItsCausalAttention) {
  constexpr int64_t kTokens = 37;
  const at::Tensor q = Randoms({kTokens, 6, 20});
  const at::Tensor k = Randoms({kTokens, 2, 20});
  const at::Tensor v = Randoms({kTokens, 2, 20});
  const PagedCache cache(k, v);
  at::Tensor whole = Empty({kTokens, 6, 20});
  ChunkAttention(whole, q, cache.keys, cache.values, {.blocks = cache.table, .first = 0});
  EXPECT_LE(Error(whole, NaiveAttention(q, k, v, true)), 2 * Tolerance(type()));
  for (const int64_t size : {1, 5, 8, 30}) {
    for (int64_t first = 0; first < kTokens; first += size) {
      const int64_t count = std::min(size, kTokens - first);
      at::Tensor part = Empty({count, 6, 20});
      ChunkAttention(part, q.narrow(0, first, count), cache.keys, cache.values,
                     {.blocks = cache.table, .first = first});
      EXPECT_TRUE(part.equal(whole.narrow(0, first, count))) << first << " of chunks of " << size;
    }
  }
}

TEST_P(OpsTest, PagedAttentionIsTheLastRowOfCausalAttention) {
  constexpr int64_t kTokens = 21;
  const at::Tensor q = Randoms({kTokens, 6, 20});
  const at::Tensor k = Randoms({kTokens, 2, 20});
  const at::Tensor v = Randoms({kTokens, 2, 20});
  const PagedCache cache(k, v);
  const at::Tensor lengths = at::tensor({kTokens}, at::kInt);
  at::Tensor out = Empty({1, 6, 20});

  PagedAttention(out, q.narrow(0, kTokens - 1, 1), cache.keys, cache.values,
                 {.tables = cache.table.unsqueeze(0), .lengths = lengths});

  const at::Tensor expected = NaiveAttention(q, k, v, true).narrow(0, kTokens - 1, 1);
  EXPECT_LE(Error(out, expected), 2 * Tolerance(type()));
}

TEST_P(OpsTest, ResidualStaysFloat32BetweenNorms) {
  const at::Tensor x = Randoms({5, 24});
  const at::Tensor weight = Randoms({24});
  const at::Tensor before = at::randn({5, 24});
  const auto normalised = [&](const at::Tensor& rows) {
    const at::Tensor wide = rows.to(at::kDouble);
    const at::Tensor mean = wide.square().mean(1, /*keepdim=*/true);
    return wide.mul(mean.add(1e-5).rsqrt()).mul(weight.to(at::kDouble));
  };
  at::Tensor residual = before.clone();
  AddRmsNorm(residual, x, weight, 1e-5);
  EXPECT_LE(Error(residual, normalised(x).add(before)), Tolerance(at::kFloat));
  at::Tensor out = Empty({5, 24});
  RmsNorm(out, residual, weight, 1e-5);
  EXPECT_LE(Error(out, normalised(residual)), Tolerance(type()));
  at::Tensor narrow = at::empty({5, 24}, at::dtype(at::kBFloat16));
  EXPECT_ANY_THROW(AddRmsNorm(narrow, x, weight, 1e-5));
}

TEST_P(OpsTest, GeluIsTheExactOne) {
  const at::Tensor x = Randoms({3, 31});
  at::Tensor out = x.clone();
  Gelu(out);
  const at::Tensor wide = x.to(at::kDouble);
  EXPECT_LE(Error(out, wide.mul(wide.div(std::sqrt(2.0)).erf().add(1)).mul(0.5)),
            Tolerance(type()));
}

TEST_P(OpsTest, RowsComeBackAsFloat32FromWhereTheyWereScattered) {
  const at::Tensor source = Randoms({3, 7});
  const std::vector<int32_t> places = {4, 0, 2};
  at::Tensor store = at::zeros({5, 7}, at::dtype(type()));
  at::Tensor back = at::empty({3, 7});
  ScatterRows(store, places, source);
  GatherRows(back, store, places);
  EXPECT_TRUE(back.equal(source.to(at::kFloat)));
  EXPECT_EQ(store.select(0, 1).abs().max().item<float>(), 0.0f);
}

TEST(RotaryTableTest, AnglesArePositionTimesFrequency) {
  const at::Tensor frequencies = InverseFrequencies(100.0, 6);
  const RotaryTable table =
      MakeRotaryTable(frequencies, 50, at::kFloat, {0, 1, 2}, RotaryPairs::kAdjacent);
  ASSERT_EQ(table.cos.sizes(), (std::vector<int64_t>{50, 3}));
  for (int64_t position = 0; position < 50; ++position) {
    for (int64_t i = 0; i < 3; ++i) {
      const double angle = static_cast<double>(position) * std::pow(100.0, -2.0 * i / 6);
      EXPECT_NEAR(table.cos[position][i].item<double>(), std::cos(angle), 5e-6);
      EXPECT_NEAR(table.sin[position][i].item<double>(), std::sin(angle), 5e-6);
    }
  }
}

TEST(RotaryTableTest, RoundsToTheModelsType) {
  const RotaryTable table = MakeRotaryTable(InverseFrequencies(10.0, 8), 9, at::kBFloat16,
                                            {0, 0, 0, 0}, RotaryPairs::kAdjacent);
  EXPECT_TRUE(table.cos.equal(table.cos.to(at::kBFloat16).to(at::kFloat)));
  EXPECT_EQ(table.sin.scalar_type(), at::kFloat);
}

// Keys' bicubic convolution with a = -0.75, as torch has it.
double Cubic(double distance) {
  const double x = std::abs(distance);
  constexpr double kA = -0.75;
  if (x <= 1) return ((kA + 2) * x - (kA + 3)) * x * x + 1;
  if (x < 2) return ((kA * x - 5 * kA) * x + 8 * kA) * x - 4 * kA;
  return 0;
}

TEST_P(OpsTest, PositionEmbeddingIsResampledBicubically) {
  constexpr int64_t kSide = 5;
  constexpr int64_t kRows = 4;
  constexpr int64_t kCols = 7;
  const at::Tensor table = Randoms({kSide * kSide, 3});
  const at::Tensor rows = at::arange(kRows, at::kLong).repeat_interleave(kCols);
  const at::Tensor columns = at::arange(kCols, at::kLong).repeat(kRows);
  at::Tensor x = at::zeros({kRows * kCols, 3}, at::dtype(type()));

  AddPositionEmbedding(x, table, rows, columns, kRows, kCols);

  const auto at_border = [&](int64_t r, int64_t c, int64_t channel) {
    const int64_t row = std::clamp<int64_t>(r, 0, kSide - 1);
    const int64_t column = std::clamp<int64_t>(c, 0, kSide - 1);
    return table[row * kSide + column][channel].item<double>();
  };
  at::Tensor expected = at::zeros({kRows * kCols, 3}, at::kDouble);
  for (int64_t i = 0; i < kRows * kCols; ++i) {
    const double y = (static_cast<double>(i / kCols) + 0.5) / kRows * kSide - 0.5;
    const double z = (static_cast<double>(i % kCols) + 0.5) / kCols * kSide - 0.5;
    for (int64_t channel = 0; channel < 3; ++channel) {
      double sum = 0;
      for (auto r = static_cast<int64_t>(std::floor(y)) - 1; r <= std::floor(y) + 2; ++r) {
        for (auto c = static_cast<int64_t>(std::floor(z)) - 1; c <= std::floor(z) + 2; ++c) {
          sum += at_border(r, c, channel) * Cubic(y - static_cast<double>(r)) *
                 Cubic(z - static_cast<double>(c));
        }
      }
      expected[i][channel] = sum;
    }
  }
  EXPECT_LE(Error(x, expected), Tolerance(type()));
}

}  // namespace
}  // namespace glyph::vlm::ops
