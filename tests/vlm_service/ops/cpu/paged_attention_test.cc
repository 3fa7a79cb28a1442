#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "tests/vlm_service/ops/cpu/test_values.h"
#include "vlm_service/ops/cpu/kernels.h"

namespace glyph::vlm::cpu {
namespace {

template <typename T>
class CpuPagedAttentionTest : public testing::Test {};
TYPED_TEST_SUITE(CpuPagedAttentionTest, ElementTypes);

// Sequences of one token, one full block, and blocks out of order with an unfinished last one, more
// of them than are weighed at once.
template <typename T>
struct PagedCase {
  static constexpr int64_t kBlockTokens = 4;
  static constexpr int64_t kKvHeads = 2;
  static constexpr int64_t kGroup = 3;
  static constexpr int64_t kHeadDim = 21;
  std::vector<std::vector<int32_t>> tables = {{5}, {2}, {4, 0, 3, 9, 8, 1, 7, 6}};
  std::vector<int64_t> lengths = {1, 4, 30};
  static constexpr int64_t kQStride = kKvHeads * kGroup * kHeadDim + 5;
  std::vector<T> q = Randoms<T>(3 * kQStride, 12);
  std::vector<T> k = Randoms<T>(10 * kBlockTokens * kKvHeads * kHeadDim, 13);
  std::vector<T> v = Randoms<T>(10 * kBlockTokens * kKvHeads * kHeadDim, 14);

  std::vector<T> Run(Level level, int64_t row, int64_t rows) const {
    std::vector<const int32_t*> blocks;
    for (int64_t r = row; r < row + rows; ++r) blocks.push_back(tables[r].data());
    constexpr int64_t kWidth = kKvHeads * kGroup * kHeadDim;
    std::vector<T> out(rows * kWidth);
    std::vector<float> scratch(PagedAttentionScratch(kGroup, kHeadDim));
    KernelsOf<T>(level).paged_attention({.q = q.data() + row * kQStride,
                                         .q_stride = kQStride,
                                         .k = k.data(),
                                         .v = v.data(),
                                         .kv_stride = kKvHeads * kHeadDim,
                                         .kv_head_stride = kHeadDim,
                                         .kv_block_stride = kBlockTokens * kKvHeads * kHeadDim,
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
            score += 0.7 * Value(q[row * kQStride + head * kHeadDim + i]) * Value(k[at + i]);
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

TYPED_TEST(CpuPagedAttentionTest, PagedAttentionFollowsTheBlockTable) {
  const PagedCase<TypeParam> c;
  for (const Level level : RunnableLevels()) {
    EXPECT_LE(MaxError(c.Run(level, 0, 3), c.Expected()), Tolerance<TypeParam>(1));
  }
}

TYPED_TEST(CpuPagedAttentionTest, PagedAttentionRowDoesNotDependOnTheOtherRows) {
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
