#include "vlm_service/scheduler/step_cost.h"

#include <algorithm>
#include <numeric>

namespace glyph::vlm {
namespace {

constexpr double kMemory = 0.98;       // weight of a measurement against the one after it
constexpr int kSweeps = 8;             // a measurement; the next one goes on from there
constexpr double kLeastWeight = 1e-9;  // from 0 no factor leads away
// Attention's part counts thousands of tokens times tokens, so that features are of one size.
constexpr double kThousand = 1000.0;
// To read the cache costs a chunk as much as so many rows more (4 rows of 8,000 tokens of context
// took 7.8 ms, 16 rows 21.3).
constexpr double kReadingRows = 3.0;

}  // namespace

// Multiplicative updates for nonnegative least squares (Lee and Seung, "Algorithms for Non-negative
// Matrix Factorization", 2001). What the measurements do not tell apart changes by one factor:
// where all of them are of one kind, weights keep the proportions of the guess.
void LinearCost::Observe(const Features& x, double ms) {
  for (size_t i = 0; i < x.size(); ++i) {
    for (size_t j = 0; j < x.size(); ++j) moments_[i][j] = kMemory * moments_[i][j] + x[i] * x[j];
    products_[i] = kMemory * products_[i] + x[i] * ms;
    largest_[i] = std::max(kMemory * largest_[i], x[i]);
  }
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    const Features old = weights_;
    for (size_t i = 0; i < x.size(); ++i) {
      const double said = std::inner_product(old.begin(), old.end(), moments_[i].begin(), 0.0);
      if (said > 0) weights_[i] = std::max(kLeastWeight, old[i] * products_[i] / said);
    }
  }
}

// Small pieces, all alike, do not tell what a large one takes: beyond twice what was measured
// lately the whole grows with the piece.
double LinearCost::Predict(const Features& x) const {
  double growth = 1;
  for (size_t i = 0; i < x.size(); ++i) {
    if (largest_[i] > 0) growth = std::max(growth, x[i] / (2 * largest_[i]));
  }
  return growth * std::inner_product(x.begin(), x.end(), weights_.begin(), 0.0);
}

LinearCost::Features StepCost::Decode(int64_t num_rows, int64_t kv_tokens) {
  return {1.0, static_cast<double>(num_rows), static_cast<double>(kv_tokens) / kThousand};
}

LinearCost::Features StepCost::Prefill(int64_t num_tokens, int64_t first) {
  const auto tokens = static_cast<double>(num_tokens);
  const double read = static_cast<double>(first) + tokens / 2;
  return {1.0, tokens, (tokens + kReadingRows) * read / kThousand};
}

LinearCost::Features StepCost::Vision(const PageGrid& grid, bool embeds, double share) {
  const auto tokens = static_cast<double>(grid.num_tokens());
  return {embeds ? tokens : 0.0, share * tokens, share * tokens * tokens / kThousand};
}

}  // namespace glyph::vlm
