#include "vlm_service/sampling/largest_logit.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace glyph::vlm {
namespace {

constexpr size_t kBlock = 1024;
constexpr size_t kLanes = 16;

// The larger one. A logit that is NaN counts as +Inf, which then stays.
float Larger(float logit, float largest) {
  const float known = logit < INFINITY ? logit : INFINITY;
  return known > largest ? known : largest;
}

// The largest logit of a block. Lanes do not wait for each other, which makes vector instructions
// of them.
float LargestOf(std::span<const float> block) {
  std::array<float, kLanes> lanes;
  lanes.fill(-INFINITY);
  size_t i = 0;
  for (; i + kLanes <= block.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] = Larger(block[i + lane], lanes[lane]);
    }
  }
  for (; i < block.size(); ++i) lanes[0] = Larger(block[i], lanes[0]);
  return *std::max_element(lanes.begin(), lanes.end());
}

}  // namespace

std::optional<int32_t> FirstOfLargest(std::span<const float> logits) {
  float largest = -INFINITY;
  auto block_of_largest = logits.begin();
  for (size_t begin = 0; begin < logits.size(); begin += kBlock) {
    const auto block = logits.subspan(begin, std::min(kBlock, logits.size() - begin));
    const float largest_of_block = LargestOf(block);
    if (largest_of_block <= largest) continue;
    largest = largest_of_block;
    block_of_largest = block.begin();
  }
  if (!std::isfinite(largest)) return std::nullopt;
  const auto first = std::find(block_of_largest, logits.end(), largest);
  return static_cast<int32_t>(first - logits.begin());
}

}  // namespace glyph::vlm
