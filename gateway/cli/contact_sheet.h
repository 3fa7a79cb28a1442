#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace glyph::gateway::cli {

// Gray pixels, one byte each, row by row without padding.
struct GrayPicture {
  uint32_t width_px = 0;
  uint32_t height_px = 0;
  std::string pixels;
};

// All pages of a document in one picture, small, six a row. Not thread-safe.
class ContactSheet {
 public:
  // Keeps the page in small: at most kThumbnailPx wide.
  void Add(uint32_t width_px, uint32_t height_px, std::string_view pixels);

  // After the first page.
  GrayPicture Draw() const;

 private:
  static constexpr uint32_t kThumbnailPx = 200;
  static constexpr size_t kPagesPerRow = 6;
  static constexpr uint32_t kGapPx = 8;

  std::vector<GrayPicture> thumbnails_;
};

}  // namespace glyph::gateway::cli
