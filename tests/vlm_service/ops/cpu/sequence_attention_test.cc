#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "tests/vlm_service/ops/cpu/test_values.h"
#include "vlm_service/ops/cpu/kernels.h"

namespace glyph::vlm::cpu {
namespace {

template <typename T>
class CpuSequenceAttentionTest : public testing::Test {};
TYPED_TEST_SUITE(CpuSequenceAttentionTest, ElementTypes);

constexpr int64_t kKvHeads = 2;
constexpr int64_t kGroup = 3;
constexpr int64_t kHeadDim = 21;
constexpr int64_t kWidth = kKvHeads * kGroup * kHeadDim;

// A sequence in blocks of 4 tokens, the last unfinished.
template <typename T>
struct SequenceCase {
  static constexpr int64_t kBlockTokens = 4;
  static constexpr int64_t kTokens = 50;
  std::vector<int32_t> table = {5, 2, 4, 0, 3, 9, 1, 12, 7, 6, 11, 8, 10};
  std::vector<T> q = Randoms<T>(kTokens * kWidth, 12);
  std::vector<T> k = Randoms<T>(13 * kBlockTokens * kKvHeads * kHeadDim, 13);
  std::vector<T> v = Randoms<T>(13 * kBlockTokens * kKvHeads * kHeadDim, 14);

  // Rows [first, first + rows), causal.
  std::vector<T> Run(Level level, int64_t first, int64_t rows) const {
    std::vector<T> out(rows * kWidth);
    std::vector<float> scratch(SequenceAttentionScratch(kHeadDim, kBlockTokens));
    const int64_t tasks = SequenceAttentionTasks(rows, kGroup, kKvHeads);
    KernelsOf<T>(level).sequence_attention({.q = q.data() + first * kWidth,
                                            .q_stride = kWidth,
                                            .k = k.data(),
                                            .v = v.data(),
                                            .kv_stride = kKvHeads * kHeadDim,
                                            .kv_head_stride = kHeadDim,
                                            .kv_block_stride = kBlockTokens * kKvHeads * kHeadDim,
                                            .out = out.data(),
                                            .out_stride = kWidth,
                                            .blocks = table.data(),
                                            .block_tokens = kBlockTokens,
                                            .tokens = first + rows,
                                            .first = first,
                                            .rows = rows,
                                            .kv_heads = kKvHeads,
                                            .group = kGroup,
                                            .head_dim = kHeadDim,
                                            .scale = 0.7f},
                                           0, tasks, scratch.data());
    return out;
  }

  int64_t CacheIndex(int64_t token, int64_t kv_head) const {
    const int64_t row = table[token / kBlockTokens] * kBlockTokens + token % kBlockTokens;
    return (row * kKvHeads + kv_head) * kHeadDim;
  }

  std::vector<double> Expected() const {
    std::vector<double> expected;
    for (int64_t row = 0; row < kTokens; ++row) {
      for (int64_t head = 0; head < kKvHeads * kGroup; ++head) {
        std::vector<double> sums(kHeadDim, 0.0);
        double total = 0;
        for (int64_t t = 0; t <= row; ++t) {
          const int64_t at = CacheIndex(t, head / kGroup);
          double score = 0;
          for (int64_t i = 0; i < kHeadDim; ++i) {
            score += 0.7 * Value(q[row * kWidth + head * kHeadDim + i]) * Value(k[at + i]);
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

TYPED_TEST(CpuSequenceAttentionTest, EachRowSeesTheTokensUpToItself) {
  const SequenceCase<TypeParam> c;
  for (const Level level : RunnableLevels()) {
    EXPECT_LE(MaxError(c.Run(level, 0, c.kTokens), c.Expected()), Tolerance<TypeParam>(1));
  }
}

TYPED_TEST(CpuSequenceAttentionTest, ARowHasTheSameBitsInEveryChunk) {
  const SequenceCase<TypeParam> c;
  const std::vector<TypeParam> whole = c.Run(BestLevel(), 0, c.kTokens);
  for (const int64_t size : {1, 2, 7, 11, 21, 22, 49}) {
    for (int64_t first = 0; first < c.kTokens; first += size) {
      const int64_t rows = std::min(size, c.kTokens - first);
      const std::vector<TypeParam> part(whole.begin() + first * kWidth,
                                        whole.begin() + (first + rows) * kWidth);
      EXPECT_TRUE(SameBits(c.Run(BestLevel(), first, rows), part)) << first << " + " << rows;
    }
  }
}

TYPED_TEST(CpuSequenceAttentionTest, WhatLiesBehindTheLastTokenDoesNotMatter) {
  SequenceCase<TypeParam> c;
  const std::vector<TypeParam> before = c.Run(BestLevel(), 0, 18);
  for (int64_t token = 18; token < c.kTokens; ++token) {
    for (int64_t i = 0; i < kKvHeads * kHeadDim; ++i) {
      const float nan = std::numeric_limits<float>::quiet_NaN();
      c.k[c.CacheIndex(token, 0) + i] = Element<TypeParam>(nan);
      c.v[c.CacheIndex(token, 0) + i] = Element<TypeParam>(nan);
    }
  }
  EXPECT_TRUE(SameBits(c.Run(BestLevel(), 0, 18), before));
}

TYPED_TEST(CpuSequenceAttentionTest, ScoresOfAnyMagnitudeKeepTheirOrder) {
  SequenceCase<TypeParam> c;
  for (TypeParam& value : c.q) value = Element<TypeParam>(static_cast<float>(Value(value)) * 1e4f);
  for (const TypeParam value : c.Run(BestLevel(), 0, c.kTokens)) {
    EXPECT_LE(std::abs(Value(value)), 1.0);
  }
}

}  // namespace
}  // namespace glyph::vlm::cpu
