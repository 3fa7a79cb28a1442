#include "vlm_service/kernels/sequence_attention.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/vlm_service/kernels/attention_reference.h"
#include "tests/vlm_service/kernels/sanitized.h"

namespace glyph::vlm::kernels {
namespace {

// An output whose rows are `row_stride` apart, with a gap after each, and what of it was written.
template <typename T>
class Output {
 public:
  static constexpr int kGap = 8;

  Output(int rows, int heads, int head_dim)
      : rows_(rows), row_size_(heads * head_dim), values_(rows * row_stride() + kGap) {}

  int64_t row_stride() const { return row_size_ + kGap; }
  T* get() const { return values_.get(); }

  // The rows; the gaps are checked.
  std::vector<T> Read() const {
    const std::vector<T> all = values_.Read();
    std::vector<T> rows;
    for (size_t i = 0; i < all.size(); ++i) {
      if (static_cast<int>(i % row_stride()) < row_size_ && i < rows_ * row_stride() + 0ul) {
        rows.push_back(all[i]);
      } else {
        EXPECT_TRUE(std::isnan(ToFloat(all[i])));
      }
    }
    return rows;
  }

 private:
  int rows_;
  int row_size_;
  DeviceArray<T> values_;
};

float Scale(int head_dim) { return 1.0f / std::sqrt(static_cast<float>(head_dim)); }

// The worst error of full attention, q, k and v side by side as a fused product leaves them, with
// NaN after the last row.
template <typename T>
double FullError(int rows, int tokens, int heads, int head_dim) {
  std::mt19937 random(5);
  const int stride = 3 * heads * head_dim;
  auto qkv = RandomValues<T>(static_cast<size_t>(std::max(rows, tokens)) * stride, random, 1.7f);
  qkv.resize(qkv.size() + 200 * stride, FromFloat<T>(NAN));
  for (int t = tokens; t < rows; ++t) {
    std::fill_n(qkv.begin() + t * stride + heads * head_dim, 2 * heads * head_dim,
                FromFloat<T>(NAN));
  }
  for (int r = rows; r < tokens; ++r) {
    std::fill_n(qkv.begin() + r * stride, heads * head_dim, FromFloat<T>(NAN));
  }
  const DeviceArray<T> device(qkv);
  const Output<T> out(rows, heads, head_dim);
  Check(LaunchFullAttention({.element = ElementOf<T>(),
                             .q = device.get(),
                             .q_row_stride = stride,
                             .q_head_stride = head_dim,
                             .k = device.get() + heads * head_dim,
                             .v = device.get() + 2 * heads * head_dim,
                             .kv_row_stride = stride,
                             .kv_head_stride = head_dim,
                             .out = out.get(),
                             .out_row_stride = out.row_stride(),
                             .out_head_stride = head_dim,
                             .rows = rows,
                             .tokens = tokens,
                             .heads = heads,
                             .head_dim = head_dim,
                             .scale = Scale(head_dim)},
                            nullptr));
  const std::vector<T> k(qkv.begin() + heads * head_dim, qkv.end());
  const std::vector<T> v(qkv.begin() + 2 * heads * head_dim, qkv.end());
  std::vector<float> expected;
  for (int row = 0; row < rows; ++row) {
    for (int head = 0; head < heads; ++head) {
      const auto one = AttendRow(
          qkv.data() + row * stride + head * head_dim, k, v, tokens, head_dim, Scale(head_dim),
          [&](int token) { return static_cast<int64_t>(token) * stride + head * head_dim; });
      expected.insert(expected.end(), one.begin(), one.end());
    }
  }
  return MaxRelativeError(out.Read(), expected, 1);
}

// The worst error of causal attention from row `first` of a sequence of first + rows tokens.
template <typename T>
double CausalError(int first, int rows, int heads, int kv_heads, int head_dim, int block_tokens) {
  std::mt19937 random(6);
  const PagedCache<T> cache({first + rows}, kv_heads, head_dim, block_tokens, random);
  const int stride = (heads + 2 * kv_heads) * head_dim;
  const auto q = RandomValues<T>(static_cast<size_t>(rows) * stride, random, 3.0f);
  const DeviceArray<T> device_q(q);
  const DeviceArray<T> device_k(cache.k);
  const DeviceArray<T> device_v(cache.v);
  const DeviceArray<int32_t> device_table(cache.tables);
  const DeviceArray<int32_t> device_first(std::vector<int32_t>{first});
  const Output<T> out(rows, heads, head_dim);
  Check(LaunchCausalPagedAttention({.element = ElementOf<T>(),
                                    .q = device_q.get(),
                                    .q_row_stride = stride,
                                    .q_head_stride = head_dim,
                                    .out = out.get(),
                                    .out_row_stride = out.row_stride(),
                                    .out_head_stride = head_dim,
                                    .k_cache = device_k.get(),
                                    .v_cache = device_v.get(),
                                    .table = device_table.get(),
                                    .first = device_first.get(),
                                    .rows = rows,
                                    .heads = heads,
                                    .kv_heads = kv_heads,
                                    .head_dim = head_dim,
                                    .block_tokens = block_tokens,
                                    .scale = Scale(head_dim)},
                                   nullptr));
  std::vector<float> expected;
  for (int row = 0; row < rows; ++row) {
    for (int head = 0; head < heads; ++head) {
      const int kv_head = head / (heads / kv_heads);
      const auto one = AttendRow(q.data() + row * stride + head * head_dim, cache.k, cache.v,
                                 first + row + 1, head_dim, Scale(head_dim),
                                 [&](int token) { return cache.Offset(0, kv_head, token); });
      expected.insert(expected.end(), one.begin(), one.end());
    }
  }
  return MaxRelativeError(out.Read(), expected, 1);
}

template <typename T>
class SequenceAttentionTest : public testing::Test {};
using Types = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(SequenceAttentionTest, Types);

TYPED_TEST(SequenceAttentionTest, FullMatchesTheReference) {
  for (const int head_dim : {64, 128}) {
    for (const int size : {1, 15, 16, 17, 63, 64, 65, 127, 128, 129, 1000}) {
      EXPECT_LT(FullError<TypeParam>(size, size, 3, head_dim), AttentionTolerance<TypeParam>())
          << size << " rows, head_dim " << head_dim;
    }
  }
}

TYPED_TEST(SequenceAttentionTest, FullWithOtherRowsThanTokens) {
  for (const int head_dim : {64, 128}) {
    EXPECT_LT(FullError<TypeParam>(200, 17, 2, head_dim), AttentionTolerance<TypeParam>());
    EXPECT_LT(FullError<TypeParam>(5, 777, 12, head_dim), AttentionTolerance<TypeParam>());
  }
}

TYPED_TEST(SequenceAttentionTest, CausalMatchesTheReference) {
  const std::vector<int> firsts =
      IsSanitized() ? std::vector<int>{0, 63} : std::vector<int>{0, 1, 63, 100, 1000};
  for (const int first : firsts) {
    for (const int rows : {1, 15, 17, 64, 128, 129, 300}) {
      EXPECT_LT(CausalError<TypeParam>(first, rows, 6, 2, 64, 16), AttentionTolerance<TypeParam>())
          << rows << " rows from " << first;
      EXPECT_LT(CausalError<TypeParam>(first, rows, 4, 2, 128, 128),
                AttentionTolerance<TypeParam>())
          << rows << " rows from " << first;
    }
  }
}

TYPED_TEST(SequenceAttentionTest, CausalInGroupsOfSixteen) {
  EXPECT_LT(CausalError<TypeParam>(130, 150, 32, 2, 128, 128), AttentionTolerance<TypeParam>());
  EXPECT_LT(CausalError<TypeParam>(130, 150, 16, 1, 64, 48), AttentionTolerance<TypeParam>());
}

TEST(SequenceAttentionShapeTest, RefusesShapesItDoesNotServe) {
  EXPECT_EQ(LaunchFullAttention({.rows = 4, .tokens = 4, .heads = 2, .head_dim = 72}, nullptr),
            cudaErrorInvalidValue);
  EXPECT_EQ(LaunchFullAttention({.rows = 4, .tokens = 0, .heads = 2, .head_dim = 64}, nullptr),
            cudaErrorInvalidValue);
  EXPECT_EQ(
      LaunchCausalPagedAttention(
          {.rows = 4, .heads = 4, .kv_heads = 3, .head_dim = 64, .block_tokens = 16}, nullptr),
      cudaErrorInvalidValue);
}

}  // namespace
}  // namespace glyph::vlm::kernels
