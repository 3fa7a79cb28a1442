#include "vlm_service/sampling/distribution.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "vlm_service/sampling/largest_logit.h"

namespace glyph::vlm {
namespace {

// Divides by the temperature and returns the largest quotient. When that overflows, the largest
// logits are all that counts.
float ApplyTemperature(std::span<float> logits, float temperature) {
  const float largest = logits[*FirstOfLargest(logits)];
  if (temperature == 1) return largest;
  if (!std::isfinite(largest / temperature)) {
    for (float& logit : logits) logit = logit == largest ? 0.0f : -INFINITY;
    return 0;
  }
  for (float& logit : logits) logit /= temperature;
  return largest / temperature;
}

// The k-th largest logit; with every logit kept, the smallest float. A few are collected in a heap,
// whose smallest is all that most logits meet; beyond that selecting from a copy is faster.
float TopKThreshold(std::span<const float> logits, int32_t top_k) {
  constexpr int32_t kLargestHeap = 1000;
  if (top_k <= 0 || static_cast<size_t>(top_k) >= logits.size()) return -INFINITY;
  if (top_k <= kLargestHeap) {
    std::vector<float> largest(static_cast<size_t>(top_k));
    std::partial_sort_copy(logits.begin(), logits.end(), largest.begin(), largest.end(),
                           std::greater<>());
    return largest.back();
  }
  std::vector<float> values(logits.begin(), logits.end());
  const auto kth = values.begin() + (top_k - 1);
  std::nth_element(values.begin(), kth, values.end(), std::greater<>());
  return *kth;
}

void Normalize(std::vector<Candidate>& candidates) {
  double total = 0;
  for (const Candidate& candidate : candidates) total += candidate.probability;
  for (Candidate& candidate : candidates) candidate.probability /= total;
}

// Softmax of the logits at or above `threshold`. Tokens of probability zero are left out.
std::vector<Candidate> Softmax(std::span<const float> logits, float largest, float threshold) {
  std::vector<Candidate> candidates;
  for (size_t token = 0; token < logits.size(); ++token) {
    if (logits[token] < threshold) continue;
    const double weight = std::exp(static_cast<double>(logits[token]) - largest);
    if (weight > 0) candidates.push_back({static_cast<int32_t>(token), weight});
  }
  Normalize(candidates);
  return candidates;
}

bool LikelierOrHigherId(const Candidate& a, const Candidate& b) {
  return a.probability != b.probability ? a.probability > b.probability : a.token > b.token;
}

bool LowerId(const Candidate& a, const Candidate& b) { return a.token < b.token; }

// Keeps the likeliest candidates: a token goes when it and all less likely ones hold at most
// 1 - top_p, compared in float as the library does. The likeliest always stays. Sorts no more than
// twice as many candidates as it keeps.
void KeepTopP(std::vector<Candidate>& candidates, float top_p) {
  constexpr size_t kFirstSorted = 64;
  const auto removed_mass = static_cast<float>(1.0 - static_cast<double>(top_p));
  double mass_above = 0;  // of the kept ones
  size_t kept = 0;
  for (size_t sorted = 0; kept == sorted && sorted < candidates.size();) {
    const size_t next_sorted = std::min(candidates.size(), std::max(2 * sorted, kFirstSorted));
    const auto begin = candidates.begin() + static_cast<ptrdiff_t>(sorted);
    const auto end = candidates.begin() + static_cast<ptrdiff_t>(next_sorted);
    std::partial_sort(begin, end, candidates.end(), LikelierOrHigherId);
    sorted = next_sorted;
    while (kept < sorted && (kept == 0 || static_cast<float>(1.0 - mass_above) > removed_mass)) {
      mass_above += candidates[kept++].probability;
    }
  }
  candidates.resize(kept);
  std::sort(candidates.begin(), candidates.end(), LowerId);
  Normalize(candidates);
}

// Drops candidates below `min_p` times the likeliest, compared in float as the library does. The
// likeliest always stays.
void KeepMinP(std::vector<Candidate>& candidates, float min_p) {
  double likeliest = 0;
  for (const Candidate& candidate : candidates) {
    likeliest = std::max(likeliest, candidate.probability);
  }
  const float threshold = min_p * static_cast<float>(likeliest);
  std::erase_if(candidates, [threshold](const Candidate& candidate) {
    return static_cast<float>(candidate.probability) < threshold;
  });
  Normalize(candidates);
}

}  // namespace

std::vector<Candidate> ProcessedDistribution(std::span<float> logits,
                                             const SamplingParams& params) {
  const float largest = ApplyTemperature(logits, params.temperature);
  std::vector<Candidate> candidates = Softmax(logits, largest, TopKThreshold(logits, params.top_k));
  if (params.top_p < 1) KeepTopP(candidates, params.top_p);
  if (params.min_p > 0) KeepMinP(candidates, params.min_p);
  return candidates;
}

}  // namespace glyph::vlm
