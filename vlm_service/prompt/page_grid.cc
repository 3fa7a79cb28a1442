#include "vlm_service/prompt/page_grid.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"

namespace glyph::vlm {
namespace {

constexpr double kMaxAspectRatio = 200;

absl::Status CheckSides(int32_t width, int32_t height) {
  if (std::min(width, height) >= 1 && std::max(width, height) <= kMaxPageSidePx) {
    return absl::OkStatus();
  }
  return rpc::InvalidArgument("PAGE_SIZE_OUT_OF_RANGE", "page",
                              absl::StrCat("the page is ", width, " x ", height,
                                           " px; each side must lie in [1, ", kMaxPageSidePx, "]"));
}

// Python's round(value / factor) * factor: halves go to the even neighbour.
int64_t RoundToMultiple(int64_t value, int64_t factor) {
  const double quotient = static_cast<double>(value) / static_cast<double>(factor);
  return static_cast<int64_t>(std::nearbyint(quotient)) * factor;
}

// math.floor(value / factor) * factor, at least `factor`.
int64_t FloorToMultiple(double value, int64_t factor) {
  const auto floored =
      static_cast<int64_t>(std::floor(value / static_cast<double>(factor))) * factor;
  return std::max(factor, floored);
}

// math.ceil(value / factor) * factor.
int64_t CeilToMultiple(double value, int64_t factor) {
  return static_cast<int64_t>(std::ceil(value / static_cast<double>(factor))) * factor;
}

// Makes sides below `factor` reach it, truncating as Python's int().
void EnlargeTooSmall(int64_t factor, int64_t& width, int64_t& height) {
  if (width >= factor && height >= factor) return;
  const double scale = std::max(static_cast<double>(factor) / static_cast<double>(height),
                                static_cast<double>(factor) / static_cast<double>(width));
  height = static_cast<int64_t>(static_cast<double>(height) * scale);
  width = static_cast<int64_t>(static_cast<double>(width) * scale);
}

}  // namespace

absl::StatusOr<ResizedSize> SmartResize(int32_t width_px, int32_t height_px,
                                        const PageLimits& limits) {
  GLYPH_RETURN_IF_ERROR(CheckSides(width_px, height_px));
  const int64_t factor = limits.token_px();
  const int64_t frames = limits.temporal_patch;
  int64_t width = width_px;
  int64_t height = height_px;
  EnlargeTooSmall(factor, width, height);
  const double ratio =
      static_cast<double>(std::max(width, height)) / static_cast<double>(std::min(width, height));
  if (ratio > kMaxAspectRatio) {
    return rpc::InvalidArgument(
        "PAGE_TOO_NARROW", "page",
        absl::StrCat("the page is ", width_px, " x ", height_px, " px; one side may be at most ",
                     kMaxAspectRatio, " times the other"));
  }
  int64_t new_width = RoundToMultiple(width, factor);
  int64_t new_height = RoundToMultiple(height, factor);
  const int64_t resized_pixels = frames * new_height * new_width;
  const auto pixels = static_cast<double>(frames * height * width);
  if (resized_pixels > limits.max_pixels) {
    const double beta = std::sqrt(pixels / static_cast<double>(limits.max_pixels));
    new_height = FloorToMultiple(static_cast<double>(height) / beta, factor);
    new_width = FloorToMultiple(static_cast<double>(width) / beta, factor);
  } else if (resized_pixels < limits.min_pixels) {
    const double beta = std::sqrt(static_cast<double>(limits.min_pixels) / pixels);
    new_height = CeilToMultiple(static_cast<double>(height) * beta, factor);
    new_width = CeilToMultiple(static_cast<double>(width) * beta, factor);
  }
  return ResizedSize{static_cast<int32_t>(new_width), static_cast<int32_t>(new_height)};
}

absl::StatusOr<PageGrid> PageGridOf(PageOrigin origin, int32_t width, int32_t height,
                                    const PageLimits& limits) {
  const int32_t token_px = limits.token_px();
  if (origin == PageOrigin::kUploaded) {
    GLYPH_ASSIGN_OR_RETURN(const ResizedSize size, SmartResize(width, height, limits));
    return PageGrid{size.height / token_px, size.width / token_px};
  }
  GLYPH_RETURN_IF_ERROR(CheckSides(width, height));
  if (width % token_px != 0 || height % token_px != 0) {
    return rpc::InvalidArgument("PAGE_NOT_ON_GRID", "page",
                                absl::StrCat("the rendered page is ", width, " x ", height,
                                             " px; both sides must be multiples of ", token_px));
  }
  return PageGrid{height / token_px, width / token_px};
}

}  // namespace glyph::vlm
