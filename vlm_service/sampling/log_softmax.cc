#include "vlm_service/sampling/log_softmax.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "vlm_service/sampling/largest_logit.h"

namespace glyph::vlm {

LogSoftmax::LogSoftmax(std::span<const float> logits)
    : logits_(logits), largest_(logits[*FirstOfLargest(logits)]) {
  double total = 0;
  for (const float logit : logits) total += std::exp(logit - largest_);
  log_total_ = std::log(total);
}

float LogSoftmax::LogprobOf(int32_t token) const {
  return static_cast<float>(logits_[token] - largest_ - log_total_);
}

std::vector<TokenLogprob> LogSoftmax::Likeliest(int32_t count) const {
  const auto is_likelier = [this](int32_t a, int32_t b) {
    return logits_[a] != logits_[b] ? logits_[a] > logits_[b] : a < b;
  };
  std::vector<int32_t> tokens(logits_.size());
  std::iota(tokens.begin(), tokens.end(), 0);
  const size_t num_kept = std::min(static_cast<size_t>(count), tokens.size());
  std::partial_sort(tokens.begin(), tokens.begin() + static_cast<ptrdiff_t>(num_kept), tokens.end(),
                    is_likelier);
  tokens.resize(num_kept);
  std::vector<TokenLogprob> likeliest;
  for (const int32_t token : tokens) {
    if (std::isfinite(logits_[token])) likeliest.push_back({token, LogprobOf(token)});
  }
  return likeliest;
}

}  // namespace glyph::vlm
