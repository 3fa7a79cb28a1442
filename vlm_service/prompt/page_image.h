#pragma once
#include <array>
#include <cstdint>
#include <vector>

namespace glyph::vlm {

// Size of a page on the model's grid, in image tokens (one for each 28x28 px after resizing).
struct PageGrid {
  int32_t rows = 0;
  int32_t cols = 0;
  int64_t num_tokens() const { return int64_t{rows} * cols; }
};

enum class PageOrigin {
  kRendered,  // sides are multiples of 28 px: taken as they are
  kUploaded,  // resized by Hugging Face's smart_resize and bicubic filter
};

// Pixels of one page as they came over the wire. Immutable once complete, shared between threads.
struct PageImage {
  PageOrigin origin = PageOrigin::kRendered;
  int32_t width = 0;     // px
  int32_t height = 0;    // px
  int32_t channels = 1;  // 1 gray or 3 RGB
  std::array<uint8_t, 32> key = {};
  std::vector<uint8_t> pixels;  // [height, width, channels]
};

}  // namespace glyph::vlm
