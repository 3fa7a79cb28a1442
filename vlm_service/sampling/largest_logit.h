#pragma once
#include <cstdint>
#include <optional>
#include <span>

namespace glyph::vlm {

// The first token with the largest logit; nullopt when a logit is NaN or +Inf, or none is finite.
// One pass, in vector instructions.
std::optional<int32_t> FirstOfLargest(std::span<const float> logits);

}  // namespace glyph::vlm
