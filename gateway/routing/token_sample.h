#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace glyph::gateway {

// Largest text whose tokens vlm_service counts in one call.
inline constexpr size_t kMaxSampleBytes = 512 << 10;

// What of a document is counted to tell its tokens: all of it, or, of a longer one, 8 pieces spread
// evenly over it, kMaxSampleBytes together.
std::string SampleOfText(std::string_view text);

}  // namespace glyph::gateway
