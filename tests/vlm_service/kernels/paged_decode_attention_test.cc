#include "vlm_service/kernels/paged_decode_attention.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "tests/vlm_service/kernels/attention_reference.h"
#include "tests/vlm_service/kernels/sanitized.h"

namespace glyph::vlm::kernels {
namespace {

struct Shape {
  int heads;
  int kv_heads;
  int head_dim;
  int block_tokens;
};
constexpr Shape kGlyph{32, 2, 128, 128};
constexpr Shape kNano{6, 2, 64, 16};

// Values past the dense output that no launch may touch.
constexpr size_t kGuard = 64;

template <typename T>
class Batch {
 public:
  Batch(const Shape& shape, const std::vector<int32_t>& lengths, int max_chunks = 0)
      : shape_(shape),
        lengths_(lengths),
        max_chunks_(max_chunks > 0 ? max_chunks : 1 + NumChunks(lengths)),
        q_stride_((shape.heads + 2 * shape.kv_heads) * shape.head_dim),
        cache_(lengths, shape.kv_heads, shape.head_dim, shape.block_tokens, random_),
        q_(RandomValues<T>(lengths.size() * q_stride_, random_, 3.0f)),
        device_q_(q_),
        device_k_(cache_.k),
        device_v_(cache_.v),
        device_tables_(cache_.tables),
        device_lengths_(lengths),
        out_(RowSize() * lengths.size() + kGuard),
        workspace_(
            PagedDecodeWorkspaceBytes(max_chunks_, shape.heads, shape.kv_heads, shape.head_dim)) {
    Check(cudaMemset(workspace_.get(), 0, workspace_.size()));
  }

  static int NumChunks(const std::vector<int32_t>& lengths) {
    int chunks = static_cast<int>(lengths.size());
    for (const int length : lengths) chunks += length / kDecodeChunkTokens;
    return chunks;
  }

  size_t RowSize() const { return static_cast<size_t>(shape_.heads) * shape_.head_dim; }

  PagedDecodeAttentionParams Params() const {
    return {.element = ElementOf<T>(),
            .q = device_q_.get(),
            .q_row_stride = q_stride_,
            .out = out_.get(),
            .k_cache = device_k_.get(),
            .v_cache = device_v_.get(),
            .tables = device_tables_.get(),
            .table_stride = cache_.table_stride,
            .lengths = device_lengths_.get(),
            .rows = static_cast<int32_t>(lengths_.size()),
            .heads = shape_.heads,
            .kv_heads = shape_.kv_heads,
            .head_dim = shape_.head_dim,
            .block_tokens = shape_.block_tokens,
            .scale = Scale(),
            .workspace = workspace_.get(),
            .max_chunks = max_chunks_,
            .num_ctas = 0};
  }

  // The output, without the guard, which is checked.
  std::vector<T> Run(const PagedDecodeAttentionParams& params) {
    out_.Poison();
    Check(LaunchPagedDecodeAttention(params, nullptr));
    return Output();
  }
  std::vector<T> Output() {
    std::vector<T> out = out_.Read();
    for (size_t i = out.size() - kGuard; i < out.size(); ++i) {
      EXPECT_TRUE(std::isnan(ToFloat(out[i])));
    }
    out.resize(out.size() - kGuard);
    return out;
  }

  // What one row alone gives.
  std::vector<T> RunAlone(size_t row) {
    PagedDecodeAttentionParams params = Params();
    params.rows = 1;
    params.q = device_q_.get() + row * q_stride_;
    params.tables = device_tables_.get() + row * cache_.table_stride;
    params.lengths = device_lengths_.get() + row;
    std::vector<T> out = Run(params);
    out.resize(RowSize());
    return out;
  }

  // For these lengths, none longer than at first.
  std::vector<float> Expected(const std::vector<int32_t>& lengths) const {
    std::vector<float> expected;
    for (size_t row = 0; row < lengths.size(); ++row) {
      for (int head = 0; head < shape_.heads; ++head) {
        const int kv_head = head / (shape_.heads / shape_.kv_heads);
        const T* q = q_.data() + row * q_stride_ + head * shape_.head_dim;
        const auto out = AttendRow(q, cache_.k, cache_.v, lengths[row], shape_.head_dim, Scale(),
                                   [&](int token) { return cache_.Offset(row, kv_head, token); });
        expected.insert(expected.end(), out.begin(), out.end());
      }
    }
    return expected;
  }
  std::vector<float> Expected() const { return Expected(lengths_); }

  void SetLengths(const std::vector<int32_t>& lengths) {
    Check(cudaMemcpy(device_lengths_.get(), lengths.data(), lengths.size() * sizeof(int32_t),
                     cudaMemcpyHostToDevice));
  }
  void PoisonOutput() { out_.Poison(); }

 private:
  float Scale() const { return 1.0f / std::sqrt(static_cast<float>(shape_.head_dim)); }

  std::mt19937 random_{7};
  Shape shape_;
  std::vector<int32_t> lengths_;
  int32_t max_chunks_;
  int64_t q_stride_;
  PagedCache<T> cache_;
  std::vector<T> q_;
  DeviceArray<T> device_q_;
  DeviceArray<T> device_k_;
  DeviceArray<T> device_v_;
  DeviceArray<int32_t> device_tables_;
  DeviceArray<int32_t> device_lengths_;
  DeviceArray<T> out_;
  DeviceArray<char> workspace_;
};

template <typename T>
bool SameBits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

// Chunks are of 256 tokens, sections of 2,048.
const std::vector<int32_t> kMixedLengths = {1,   15,  16, 0,   17,   127,  128,  129, 255,
                                            256, 257, 0,  511, 1000, 2048, 2049, 5003};

template <typename T>
class PagedDecodeAttentionTest : public testing::Test {};
using Types = testing::Types<float, Bf16>;
TYPED_TEST_SUITE(PagedDecodeAttentionTest, Types);

TYPED_TEST(PagedDecodeAttentionTest, MatchesTheReferenceAtAnyLength) {
  for (const Shape& shape :
       {kGlyph, kNano, Shape{32, 2, 128, 16}, Shape{8, 8, 64, 48}, Shape{15, 3, 128, 32}}) {
    Batch<TypeParam> batch(shape, kMixedLengths);
    EXPECT_LT(MaxRelativeError(batch.Run(batch.Params()), batch.Expected(), 1),
              AttentionTolerance<TypeParam>())
        << shape.heads << " heads, blocks of " << shape.block_tokens;
  }
}

TYPED_TEST(PagedDecodeAttentionTest, OneRowOfEachLength) {
  for (const int32_t length : {1, 15, 16, 17, 127, 128, 129, 1000}) {
    for (const Shape& shape : {kGlyph, kNano}) {
      Batch<TypeParam> batch(shape, {length});
      EXPECT_LT(MaxRelativeError(batch.Run(batch.Params()), batch.Expected(), 1),
                AttentionTolerance<TypeParam>())
          << length;
    }
  }
}

TYPED_TEST(PagedDecodeAttentionTest, PaddingRowsAreZero) {
  Batch<TypeParam> batch(kNano, {0, 0, 0});
  for (const TypeParam value : batch.Run(batch.Params())) EXPECT_EQ(ToFloat(value), 0.0f);
}

TYPED_TEST(PagedDecodeAttentionTest, ARowDependsOnNoOther) {
  for (const Shape& shape : {kGlyph, kNano}) {
    Batch<TypeParam> batch(shape, kMixedLengths);
    const auto together = batch.Run(batch.Params());
    for (size_t row = 0; row < kMixedLengths.size(); ++row) {
      const auto* begin = together.data() + row * batch.RowSize();
      EXPECT_TRUE(SameBits({begin, begin + batch.RowSize()}, batch.RunAlone(row)))
          << kMixedLengths[row];
    }
  }
}

TYPED_TEST(PagedDecodeAttentionTest, TheGridAndRepetitionChangeNothing) {
  Batch<TypeParam> batch(kGlyph, kMixedLengths);
  PagedDecodeAttentionParams params = batch.Params();
  const auto first = batch.Run(params);
  const std::vector<int> grids =
      IsSanitized() ? std::vector<int>{7, 0} : std::vector<int>{1, 2, 7, 132, 1000, 0, 0};
  for (const int ctas : grids) {
    params.num_ctas = ctas;
    EXPECT_TRUE(SameBits(first, batch.Run(params))) << ctas;
  }
}

TYPED_TEST(PagedDecodeAttentionTest, ManyRowsAreSharedOut) {
  std::vector<int32_t> lengths;
  for (int i = 0; i < 300; ++i) lengths.push_back(i * 37 % 611);
  Batch<TypeParam> batch(kNano, lengths);
  EXPECT_LT(MaxRelativeError(batch.Run(batch.Params()), batch.Expected(), 1),
            AttentionTolerance<TypeParam>());
}

TYPED_TEST(PagedDecodeAttentionTest, TooSmallAWorkspaceMakesLongerChunks) {
  Batch<TypeParam> batch(kGlyph, kMixedLengths, static_cast<int>(kMixedLengths.size()) + 1);
  EXPECT_LT(MaxRelativeError(batch.Run(batch.Params()), batch.Expected(), 1),
            AttentionTolerance<TypeParam>());
}

TYPED_TEST(PagedDecodeAttentionTest, OneGraphServesAnyLengths) {
  const std::vector<int32_t> longest = {700, 3000, 300, 40};
  Batch<TypeParam> batch(kGlyph, longest);
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  Check(cudaStreamCreate(&stream));
  Check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  Check(LaunchPagedDecodeAttention(batch.Params(), stream));
  Check(cudaStreamEndCapture(stream, &graph));
  Check(cudaGraphInstantiate(&exec, graph, 0));
  for (const std::vector<int32_t>& lengths :
       {std::vector<int32_t>{1, 2, 3, 4}, longest, {0, 2999, 0, 17}, {512, 0, 256, 33}}) {
    batch.SetLengths(lengths);
    batch.PoisonOutput();
    Check(cudaDeviceSynchronize());
    Check(cudaGraphLaunch(exec, stream));
    EXPECT_LT(MaxRelativeError(batch.Output(), batch.Expected(lengths), 1),
              AttentionTolerance<TypeParam>());
  }
  Check(cudaGraphExecDestroy(exec));
  Check(cudaGraphDestroy(graph));
  Check(cudaStreamDestroy(stream));
}

TEST(PagedDecodeAttentionShapeTest, RefusesShapesItDoesNotServe) {
  Batch<float> batch(kNano, {5});
  PagedDecodeAttentionParams params = batch.Params();
  params.head_dim = 96;
  EXPECT_EQ(LaunchPagedDecodeAttention(params, nullptr), cudaErrorInvalidValue);
  params = batch.Params();
  params.block_tokens = 24;
  EXPECT_EQ(LaunchPagedDecodeAttention(params, nullptr), cudaErrorInvalidValue);
  params = batch.Params();
  params.max_chunks = 1;
  EXPECT_EQ(LaunchPagedDecodeAttention(params, nullptr), cudaErrorInvalidValue);
}

}  // namespace
}  // namespace glyph::vlm::kernels
