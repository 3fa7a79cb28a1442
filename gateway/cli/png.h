#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace glyph::gateway::cli {

// A PNG file of `width` x `height` gray pixels, one byte each, row by row without padding;
// pixels.size() == width * height > 0.
std::string EncodeGrayPng(uint32_t width, uint32_t height, std::string_view pixels);

}  // namespace glyph::gateway::cli
