#include "vlm_service/kernels/cudnn_attention.h"

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <ostream>
#include <random>
#include <set>
#include <vector>

#include "tests/vlm_service/kernels/device_array.h"
#include "tests/vlm_service/kernels/fenced_memory.h"

namespace glyph::vlm::kernels {
namespace {

using Spec = CudnnAttentionSpec;
constexpr int64_t kDim = 128;
constexpr int64_t kBlock = 128;
constexpr int64_t kGuardRows = 3;

struct Case {
  const char* name;
  Spec::Mask mask;
  Spec::Rows rows;
  bool paged;
  int32_t heads;
  int32_t kv_heads;
  int64_t rows_q;
  int64_t rows_k;
  // The row strides of q and out are this much wider than their heads.
  int64_t gap = 0;
};
std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.name << " q " << c.rows_q << " kv " << c.rows_k << " heads " << c.heads << "/"
             << c.kv_heads;
}

// One for all tests of a process: building plans is slow.
absl::StatusOr<std::unique_ptr<CudnnAttention>>& Attention() {
  static auto* attention =
      new absl::StatusOr<std::unique_ptr<CudnnAttention>>(CudnnAttention::Create());
  return *attention;
}

// Inputs, laid out as a fused qkv row where dense and as a cache where paged, and the output.
class Problem {
 public:
  explicit Problem(const Case& c)
      : case_(c),
        bounded_(c.rows != Spec::Rows::kExact),
        bound_q_(bounded_ ? QueryBound(c.rows_q) : c.rows_q),
        bound_k_(bounded_ ? TokenBound(c.rows_k) : c.rows_k),
        q_stride_((c.heads + 2 * c.kv_heads) * kDim + c.gap),
        kv_stride_(2 * c.kv_heads * kDim),
        out_stride_(c.heads * kDim + c.gap),
        table_size_((bound_k_ + kBlock - 1) / kBlock),
        num_blocks_(table_size_ + 5) {
    std::mt19937 random(static_cast<uint32_t>(c.rows_q * 131 + c.rows_k));
    q_ = RandomValues<Bf16>(static_cast<size_t>(bound_q_ * q_stride_), random, 1.5f);
    k_ = RandomValues<Bf16>(static_cast<size_t>(c.rows_k * c.kv_heads * kDim), random);
    v_ = RandomValues<Bf16>(static_cast<size_t>(c.rows_k * c.kv_heads * kDim), random);
    table_.resize(static_cast<size_t>(num_blocks_));
    std::iota(table_.begin(), table_.end(), 0);
    std::shuffle(table_.begin(), table_.end(), random);
    table_.resize(static_cast<size_t>(table_size_));
  }

  Spec MakeSpec() const {
    Spec spec;
    spec.mask = case_.mask;
    spec.rows = case_.rows;
    spec.heads = case_.heads;
    spec.kv_heads = case_.kv_heads;
    spec.rows_q = bound_q_;
    spec.rows_k = bound_k_;
    spec.q = {.row = q_stride_, .head = kDim};
    spec.out = {.row = out_stride_, .head = kDim};
    spec.k = spec.v = {.row = kv_stride_, .head = kDim};
    if (case_.paged) {
      spec.k = spec.v = {.row = kDim, .head = kBlock * kDim};
      spec.block_tokens = kBlock;
      spec.num_blocks = num_blocks_;
      spec.block_stride = case_.kv_heads * kBlock * kDim;
    }
    return spec;
  }

  // Runs and reads `out` back: [bound_q + guard, out_stride].
  absl::StatusOr<std::vector<Bf16>> Run() {
    const Spec spec = MakeSpec();
    DeviceArray<Bf16> q(q_);
    DeviceArray<Bf16> k(Stored(k_));
    DeviceArray<Bf16> v(case_.paged ? Stored(v_) : std::vector<Bf16>(8));
    DeviceArray<Bf16> out(static_cast<size_t>((bound_q_ + kGuardRows) * out_stride_));
    DeviceArray<int32_t> table(table_);
    DeviceArray<CudnnAttentionRows> rows(
        std::vector<CudnnAttentionRows>{{.rows_q = static_cast<int32_t>(case_.rows_q),
                                         .rows_k = static_cast<int32_t>(case_.rows_k)}});
    absl::StatusOr<CudnnAttentionPlan> plan = (*Attention())->Prepare(spec);
    if (!plan.ok()) return plan.status();
    DeviceArray<char> workspace(static_cast<size_t>(std::max<int64_t>(plan->workspace_bytes, 16)));
    const CudnnAttentionArgs args = {.q = q.get(),
                                     .k = k.get(),
                                     .v = case_.paged ? v.get() : k.get() + case_.kv_heads * kDim,
                                     .out = out.get(),
                                     .block_table = table.get(),
                                     .rows = rows.get(),
                                     .workspace = workspace.get()};
    if (absl::Status ran = (*Attention())->Run(spec, args, nullptr); !ran.ok()) return ran;
    return out.Read();
  }

  // Rows to compare: all of a small problem, else some, the last among them.
  std::set<int64_t> SampledRows() const {
    std::set<int64_t> rows = {0, case_.rows_q / 2, case_.rows_q - 1};
    const int64_t step = std::max<int64_t>(1, case_.rows_q * case_.rows_k / 40000);
    for (int64_t row = 0; row < case_.rows_q; row += step) rows.insert(row);
    return rows;
  }
  std::set<int32_t> SampledHeads() const {
    return {0, std::min(1, case_.heads - 1), case_.heads / 2, case_.heads - 1};
  }

  // The output of one row and head in double, and what it would be with |v| (`scale`).
  void Reference(int64_t row, int32_t head, std::vector<double>& value,
                 std::vector<double>& scale) const {
    const int64_t kv_head = head / (case_.heads / case_.kv_heads);
    const int64_t seen = case_.mask == Spec::Mask::kFull ? case_.rows_k
                         : case_.mask == Spec::Mask::kCausal
                             ? row + 1
                             : case_.rows_k - case_.rows_q + row + 1;
    std::vector<double> scores(static_cast<size_t>(seen));
    const Bf16* q = &q_[static_cast<size_t>(row * q_stride_ + head * kDim)];
    for (int64_t t = 0; t < seen; ++t) {
      const Bf16* k = &k_[static_cast<size_t>((t * case_.kv_heads + kv_head) * kDim)];
      double dot = 0;
      for (int64_t d = 0; d < kDim; ++d) dot += double{ToFloat(q[d])} * double{ToFloat(k[d])};
      scores[static_cast<size_t>(t)] = dot / std::sqrt(static_cast<double>(kDim));
    }
    const double top = *std::max_element(scores.begin(), scores.end());
    double sum = 0;
    for (double& score : scores) sum += score = std::exp(score - top);
    value.assign(kDim, 0);
    scale.assign(kDim, 0);
    for (int64_t t = 0; t < seen; ++t) {
      const Bf16* v = &v_[static_cast<size_t>((t * case_.kv_heads + kv_head) * kDim)];
      const double p = scores[static_cast<size_t>(t)] / sum;
      for (size_t d = 0; d < kDim; ++d) {
        value[d] += p * double{ToFloat(v[d])};
        scale[d] += p * std::abs(double{ToFloat(v[d])});
      }
    }
  }

  int64_t bound_q() const { return bound_q_; }
  int64_t out_stride() const { return out_stride_; }

 private:
  // Values [rows_k, kv_heads, 128] where the spec wants them. Dense: k and v side by side in one
  // array, made from k_ and v_ at once. The rest is zeros.
  std::vector<Bf16> Stored(const std::vector<Bf16>& values) const {
    const Bf16 tail = {0};
    const int64_t width = case_.kv_heads * kDim;
    if (!case_.paged) {
      std::vector<Bf16> both(static_cast<size_t>(bound_k_ * kv_stride_), tail);
      for (int64_t row = 0; row < case_.rows_k; ++row) {
        std::copy_n(k_.begin() + row * width, width, both.begin() + row * kv_stride_);
        std::copy_n(v_.begin() + row * width, width, both.begin() + row * kv_stride_ + width);
      }
      return both;
    }
    std::vector<Bf16> cache(static_cast<size_t>(num_blocks_ * kBlock * width), tail);
    for (int64_t row = 0; row < case_.rows_k; ++row) {
      const int64_t block = table_[static_cast<size_t>(row / kBlock)];
      for (int64_t head = 0; head < case_.kv_heads; ++head) {
        const int64_t to = ((block * case_.kv_heads + head) * kBlock + row % kBlock) * kDim;
        std::copy_n(values.begin() + row * width + head * kDim, kDim, cache.begin() + to);
      }
    }
    return cache;
  }

  Case case_;
  bool bounded_;
  int64_t bound_q_;
  int64_t bound_k_;
  int64_t q_stride_;
  int64_t kv_stride_;
  int64_t out_stride_;
  int64_t table_size_;
  int64_t num_blocks_;
  std::vector<Bf16> q_;
  std::vector<Bf16> k_;
  std::vector<Bf16> v_;
  std::vector<int32_t> table_;
};

class CudnnAttentionTest : public testing::TestWithParam<Case> {};

// Two bounds. An element may be off by 2^-7 of the sum of its |p v| (the rounding of p and of the
// result gives at most 2^-8); a row of a head by 0.006 of its length (rounding gives about 0.002,
// one token too many or too few among 1,500 about 0.02).
TEST_P(CudnnAttentionTest, MatchesDoubleReference) {
  ASSERT_TRUE(Attention().ok()) << Attention().status();
  Problem problem(GetParam());
  const absl::StatusOr<std::vector<Bf16>> out = problem.Run();
  ASSERT_TRUE(out.ok()) << out.status();
  double worst_element = 0;
  double worst_row = 0;
  int64_t worst_at = -1;
  std::vector<double> value;
  std::vector<double> scale;
  for (const int64_t row : problem.SampledRows()) {
    for (const int32_t head : problem.SampledHeads()) {
      problem.Reference(row, head, value, scale);
      double error = 0;
      double length = 0;
      for (size_t d = 0; d < kDim; ++d) {
        const size_t at = static_cast<size_t>(row * problem.out_stride() + head * kDim) + d;
        double off = std::abs(double{ToFloat((*out)[at])} - value[d]);
        if (!std::isfinite(off)) off = INFINITY;
        worst_element = std::max(worst_element, off / scale[d]);
        error += off * off;
        length += value[d] * value[d];
      }
      const double relative = std::sqrt(error / length);
      if (relative > worst_row) worst_at = row;
      worst_row = std::max(worst_row, relative);
    }
  }
  std::cout << "worst element " << worst_element << ", worst row " << worst_row << " (row "
            << worst_at << ")\n";
  EXPECT_LE(worst_element, 1.0 / 128);
  EXPECT_LE(worst_row, 0.006);
}

// Nothing past the bound, nor between rows, is written.
TEST_P(CudnnAttentionTest, WritesOnlyItsRows) {
  ASSERT_TRUE(Attention().ok()) << Attention().status();
  const Case& c = GetParam();
  Problem problem(c);
  const absl::StatusOr<std::vector<Bf16>> out = problem.Run();
  ASSERT_TRUE(out.ok()) << out.status();
  const int64_t last = c.rows == Spec::Rows::kAtMost ? problem.bound_q() : c.rows_q;
  int64_t written = 0;
  int64_t written_past_actual = 0;
  for (size_t i = 0; i < out->size(); ++i) {
    const int64_t row = static_cast<int64_t>(i) / problem.out_stride();
    const bool gap = static_cast<int64_t>(i) % problem.out_stride() >= c.heads * kDim;
    if ((*out)[i].bits == 0xFFFF) continue;
    if (gap || row >= last) ++written;
    if (!gap && row >= c.rows_q) ++written_past_actual;
  }
  std::cout << "elements written past the actual rows: " << written_past_actual << "\n";
  EXPECT_EQ(written, 0);
}

std::vector<Case> AllCases() {
  using enum Spec::Mask;
  using enum Spec::Rows;
  std::vector<Case> cases;
  const auto add = [&](const char* name, Spec::Mask mask, Spec::Rows rows, bool paged,
                       int32_t heads, int32_t kv_heads, int64_t rows_q, int64_t rows_k) -> Case& {
    return cases.emplace_back(Case{name, mask, rows, paged, heads, kv_heads, rows_q, rows_k});
  };
  for (const Spec::Rows rows : {kExact, kAtMost}) {
    for (const int64_t n : {1, 17, 128, 129, 500}) {
      add("full", kFull, rows, false, 12, 12, n, n).gap = n == 129 ? 64 : 0;
      add("causal", kCausal, rows, false, 32, 2, n, n).gap = n == 129 ? 64 : 0;
      add("bottom-right", kCausalBottomRight, rows, false, 32, 2, n, 1500);
    }
    add("full slice", kFull, rows, false, 12, 12, 129, 1500);
    add("full large", kFull, rows, false, 12, 12, 6000, 6000);
    add("causal large", kCausal, rows, false, 32, 2, 5000, 5000);
  }
  for (const int64_t n : {1, 17, 128, 129, 500}) {
    add("paged fresh", kCausalBottomRight, kAtMost, true, 32, 2, n, n);
    add("paged", kCausalBottomRight, kAtMost, true, 32, 2, n, 1500);
  }
  add("paged large", kCausalBottomRight, kAtMost, true, 32, 2, 1000, 9000);
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Cases, CudnnAttentionTest, testing::ValuesIn(AllCases()));

// A page in the vision model's layout, its keys and values at the end of what is mapped, bounded as
// a much larger one; against the plan of its exact rows.
TEST(CudnnAttentionFenceTest, TouchesKeysAndValuesNoFurtherThanTheNext128Rows) {
  ASSERT_TRUE(Attention().ok()) << Attention().status();
  constexpr int64_t kWidth = 12 * kDim;
  for (const int64_t rows : {1, 4, 129, 640, 2520, 8000}) {
    Spec spec;
    spec.heads = spec.kv_heads = 12;
    spec.rows_q = spec.rows_k = rows;
    spec.q = spec.out = {.row = kWidth, .head = kDim};
    spec.k = spec.v = {.row = 2 * kWidth, .head = kDim};
    std::mt19937 random(static_cast<uint32_t>(rows));
    const size_t bound = static_cast<size_t>(QueryBound(rows)) * kWidth;
    DeviceArray<Bf16> q(RandomValues<Bf16>(bound, random, 1.5f));
    const auto kv = RandomValues<Bf16>(static_cast<size_t>(rows * 2 * kWidth), random);
    const int64_t mapped = (rows + 127) / 128 * 128;
    FencedMemory fenced(static_cast<size_t>(mapped * 2 * kWidth) * sizeof(Bf16));
    Check(cudaMemcpy(fenced.get(), kv.data(), kv.size() * sizeof(Bf16), cudaMemcpyHostToDevice));
    DeviceArray<CudnnAttentionRows> actual(std::vector<CudnnAttentionRows>{
        {.rows_q = static_cast<int32_t>(rows), .rows_k = static_cast<int32_t>(rows)}});
    DeviceArray<Bf16> out(bound);
    DeviceArray<Bf16> exact(bound);
    DeviceArray<char> workspace(size_t{64} << 20);
    CudnnAttentionArgs args = {.q = q.get(),
                               .k = fenced.get(),
                               .v = static_cast<Bf16*>(fenced.get()) + kWidth,
                               .out = exact.get(),
                               .rows = actual.get(),
                               .workspace = workspace.get()};
    ASSERT_TRUE((*Attention())->Run(spec, args, nullptr).ok());
    spec.rows = Spec::Rows::kAtMost;
    spec.rows_q = QueryBound(rows);
    spec.rows_k = 131072;
    args.out = out.get();
    ASSERT_TRUE((*Attention())->Run(spec, args, nullptr).ok());

    const std::vector<Bf16> bounded = out.Read();
    const std::vector<Bf16> expected = exact.Read();

    for (size_t i = 0; i < static_cast<size_t>(rows * kWidth); ++i) {
      ASSERT_NEAR(ToFloat(bounded[i]), ToFloat(expected[i]), 1.0f / 32) << i << " of " << rows;
    }
  }
}

TEST(CudnnAttentionSpecTest, BoundsAreFewAndNotBelow) {
  EXPECT_EQ(QueryBound(1), 128);
  EXPECT_EQ(QueryBound(128), 128);
  EXPECT_EQ(QueryBound(129), 512);
  EXPECT_EQ(QueryBound(513), 1024);
  EXPECT_EQ(QueryBound(7169), 8192);
  EXPECT_EQ(TokenBound(1), 8192);
  EXPECT_EQ(TokenBound(8193), 32768);
  EXPECT_EQ(TokenBound(131072), 131072);
}

TEST(CudnnAttentionPlanTest, RefusesWhatDoesNotFitTogether) {
  ASSERT_TRUE(Attention().ok()) << Attention().status();
  Spec spec = Problem(AllCases().front()).MakeSpec();
  spec.kv_heads = 5;
  EXPECT_EQ((*Attention())->Prepare(spec).status().code(), absl::StatusCode::kInvalidArgument);
  spec.kv_heads = 12;
  spec.q.row += 1;  // no multiple of 16 bytes
  EXPECT_FALSE((*Attention())->Prepare(spec).ok());
}

TEST(CudnnAttentionPlanTest, DropsTheLeastRecentlyUsedPlanAndBuildsItAgain) {
  absl::StatusOr<std::unique_ptr<CudnnAttention>> two = CudnnAttention::Create(2);
  ASSERT_TRUE(two.ok()) << two.status();
  Spec spec = Problem(AllCases().front()).MakeSpec();
  for (const int64_t rows : {64, 128, 64, 256, 64, 128}) {
    spec.rows_q = spec.rows_k = rows;
    const auto plan = (*two)->Prepare(spec);
    EXPECT_TRUE(plan.ok()) << plan.status();
  }
}

}  // namespace
}  // namespace glyph::vlm::kernels
