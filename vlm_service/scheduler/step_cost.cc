#include "vlm_service/scheduler/step_cost.h"

namespace glyph::vlm {
namespace {

constexpr double kMemory = 0.98;   // weight of a measurement against the one after it
constexpr double kDamping = 1e-3;  // so much of every feature's own size resists a change
// Attention's part counts thousands of tokens times tokens, so that both features are of one size.
constexpr double kThousand = 1000.0;

}  // namespace

// Solves (M + damping) * change = products - M * weights: what the measurements determine follows
// them within a few steps, what they do not tell apart (all of one kind) stays as it was. No weight
// is negative: more work never takes less time.
void LinearCost::Observe(const Features& x, double ms) {
  auto& [m00, m01, m11] = moments_;
  m00 = kMemory * m00 + x[0] * x[0];
  m01 = kMemory * m01 + x[0] * x[1];
  m11 = kMemory * m11 + x[1] * x[1];
  products_ = {kMemory * products_[0] + x[0] * ms, kMemory * products_[1] + x[1] * ms};
  const double error0 = products_[0] - m00 * weights_[0] - m01 * weights_[1];
  const double error1 = products_[1] - m01 * weights_[0] - m11 * weights_[1];
  const double d00 = m00 * (1 + kDamping);
  const double d11 = m11 * (1 + kDamping);
  const double determinant = d00 * d11 - m01 * m01;
  if (determinant <= 0) return;  // a feature was never there
  weights_[0] += (d11 * error0 - m01 * error1) / determinant;
  weights_[1] += (d00 * error1 - m01 * error0) / determinant;
  if (weights_[0] < 0) {
    weights_ = {0, products_[1] / m11};
  } else if (weights_[1] < 0) {
    weights_ = {products_[0] / m00, 0};
  }
}

double LinearCost::Predict(const Features& x) const {
  return weights_[0] * x[0] + weights_[1] * x[1];
}

LinearCost::Features StepCost::Decode(int64_t num_rows) {
  return {1.0, static_cast<double>(num_rows)};
}

LinearCost::Features StepCost::Prefill(int64_t num_tokens, int64_t first) {
  const auto tokens = static_cast<double>(num_tokens);
  return {tokens, tokens * (static_cast<double>(first) + tokens / 2) / kThousand};
}

LinearCost::Features StepCost::Vision(const PageGrid& grid, double share) {
  const auto tokens = static_cast<double>(grid.num_tokens());
  return {share * tokens, share * tokens * tokens / kThousand};
}

}  // namespace glyph::vlm
