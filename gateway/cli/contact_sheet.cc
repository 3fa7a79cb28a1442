#include "gateway/cli/contact_sheet.h"

#include <algorithm>

namespace glyph::gateway::cli {
namespace {

constexpr char kBackground = static_cast<char>(128);

// Each pixel is the mean of `factor` x `factor`, fewer at the right and the bottom.
GrayPicture ScaleDown(uint32_t width, uint32_t height, std::string_view pixels, uint32_t factor) {
  GrayPicture small = {(width + factor - 1) / factor, (height + factor - 1) / factor, {}};
  small.pixels.reserve(size_t{small.width_px} * small.height_px);
  std::vector<uint32_t> sums(small.width_px);
  for (uint32_t top = 0; top < height; top += factor) {
    const uint32_t bottom = std::min(height, top + factor);
    std::fill(sums.begin(), sums.end(), 0);
    for (size_t y = top; y < bottom; ++y) {
      for (uint32_t x = 0; x < width; ++x) {
        sums[x / factor] += static_cast<uint8_t>(pixels[y * width + x]);
      }
    }
    for (uint32_t x = 0; x < small.width_px; ++x) {
      const uint32_t count = (std::min(width, (x + 1) * factor) - x * factor) * (bottom - top);
      small.pixels.push_back(static_cast<char>((sums[x] + count / 2) / count));
    }
  }
  return small;
}

}  // namespace

void ContactSheet::Add(uint32_t width_px, uint32_t height_px, std::string_view pixels) {
  const uint32_t factor = (width_px + kThumbnailPx - 1) / kThumbnailPx;
  thumbnails_.push_back(ScaleDown(width_px, height_px, pixels, factor));
}

GrayPicture ContactSheet::Draw() const {
  uint32_t cell_width = 0, cell_height = 0;
  for (const GrayPicture& page : thumbnails_) {
    cell_width = std::max(cell_width, page.width_px + kGapPx);
    cell_height = std::max(cell_height, page.height_px + kGapPx);
  }
  const auto columns = static_cast<uint32_t>(std::min(kPagesPerRow, thumbnails_.size()));
  const auto rows = static_cast<uint32_t>((thumbnails_.size() + columns - 1) / columns);
  GrayPicture sheet = {columns * cell_width + kGapPx, rows * cell_height + kGapPx, {}};
  sheet.pixels.assign(size_t{sheet.width_px} * sheet.height_px, kBackground);
  for (size_t i = 0; i < thumbnails_.size(); ++i) {
    const GrayPicture& page = thumbnails_[i];
    const size_t left = i % columns * cell_width + kGapPx;
    const size_t top = i / columns * cell_height + kGapPx;
    for (size_t y = 0; y < page.height_px; ++y) {
      page.pixels.copy(&sheet.pixels[(top + y) * sheet.width_px + left], page.width_px,
                       y * page.width_px);
    }
  }
  return sheet;
}

}  // namespace glyph::gateway::cli
