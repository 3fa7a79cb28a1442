#pragma once
#include <array>
#include <cstdint>

#include "vlm_service/prompt/page_image.h"

namespace glyph::vlm {

// Learns milliseconds = a * x0 + b * x1 from measurements: damped least squares over measurements
// that fade, so that it follows a machine whose speed changes and keeps its mind while all
// measurements are of one kind. Weights, and so predictions, are never negative.
class LinearCost {
 public:
  // `guess` is what it says before it has seen anything; not negative.
  explicit LinearCost(std::array<double, 2> guess) : weights_(guess) {}
  using Features = std::array<double, 2>;
  void Observe(const Features& x, double ms);  // neither is negative
  double Predict(const Features& x) const;

 private:
  std::array<double, 2> weights_;
  std::array<double, 3> moments_ = {};   // faded sums of x0 x0, x0 x1, x1 x1
  std::array<double, 2> products_ = {};  // faded sums of x0 ms, x1 ms
};

// Predicts what the parts of a step take, from what earlier steps took. Not thread-safe.
class StepCost {
 public:
  // Rows of one token; `num_rows` above 0.
  static LinearCost::Features Decode(int64_t num_rows);
  // `num_tokens` of a prompt after `first` cached ones.
  static LinearCost::Features Prefill(int64_t num_tokens, int64_t first);
  // Part of a page: `share` of its units.
  static LinearCost::Features Vision(const PageGrid& grid, double share);

  LinearCost decode{{4.0, 1.0}};
  LinearCost prefill{{0.05, 0.01}};
  LinearCost vision{{0.1, 0.1}};
};

}  // namespace glyph::vlm
