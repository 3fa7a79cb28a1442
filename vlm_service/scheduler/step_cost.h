#pragma once
#include <array>
#include <cstdint>

#include "vlm_service/prompt/page_image.h"

namespace glyph::vlm {

// Learns milliseconds = a * x0 + b * x1 + c * x2 from measurements: least squares over measurements
// that fade, so that it follows a machine whose speed changes and keeps its mind while all
// measurements are of one kind. Weights, and so predictions, are never negative.
class LinearCost {
 public:
  // `guess` is what it says before it has seen anything; not negative.
  explicit LinearCost(std::array<double, 3> guess) : weights_(guess) {}
  using Features = std::array<double, 3>;
  void Observe(const Features& x, double ms);  // none is negative
  double Predict(const Features& x) const;

 private:
  std::array<double, 3> weights_;
  std::array<double, 3> largest_ = {};                 // measured, fading; 0 before the first
  std::array<std::array<double, 3>, 3> moments_ = {};  // faded sums of xi xj
  std::array<double, 3> products_ = {};                // faded sums of xi ms
};

// Predicts what the parts of a step take, from what earlier steps took. Not thread-safe.
class StepCost {
 public:
  // Rows of one token, after `kv_tokens` cached ones in all; `num_rows` above 0.
  static LinearCost::Features Decode(int64_t num_rows, int64_t kv_tokens);
  // `num_tokens` of a prompt after `first` cached ones; above 0.
  static LinearCost::Features Prefill(int64_t num_tokens, int64_t first);
  // Part of a page: its embedding or not, and `share` of its layers' units.
  static LinearCost::Features Vision(const PageGrid& grid, bool embeds, double share);

  LinearCost decode{{4.0, 1.0, 0.1}};
  LinearCost prefill{{4.0, 0.05, 0.01}};
  LinearCost vision{{0.01, 0.1, 0.1}};
};

}  // namespace glyph::vlm
