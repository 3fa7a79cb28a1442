#pragma once
#include <cstdint>

#include "absl/status/statusor.h"
#include "vlm_service/prompt/page_image.h"

namespace glyph::vlm {

// Longest side of a page, px (page.proto).
inline constexpr int32_t kMaxPageSidePx = 16384;

// How a model cuts pages into tokens: its preprocessor_config.json. The defaults are those of
// Hugging Face's Glm4vImageProcessor. min_pixels and max_pixels (size.shortest_edge and
// size.longest_edge) count temporal_patch times height times width of the resized page.
struct PageLimits {
  int32_t patch_px = 14;
  int32_t merge = 2;  // patches of one token along each side
  int32_t temporal_patch = 2;
  int64_t min_pixels = 112 * 112;
  int64_t max_pixels = 28 * 28 * 15000;

  int32_t token_px() const { return patch_px * merge; }  // side of one token
};

struct ResizedSize {
  int32_t width = 0;   // px, a multiple of token_px
  int32_t height = 0;  // px, a multiple of token_px
};

// The size an upload of `width` x `height` px is resized to: Hugging Face's smart_resize
// (transformers 5.17, models/glm4v/image_processing_glm4v.py), bit for bit. INVALID_ARGUMENT: a
// side outside [1, kMaxPageSidePx], or one side more than 200 times the other.
absl::StatusOr<ResizedSize> SmartResize(int32_t width, int32_t height, const PageLimits& limits);

// The grid of a page of `width` x `height` px. Rendered pages are taken as they are and their sides
// must be multiples of token_px, uploads go through SmartResize; INVALID_ARGUMENT otherwise.
absl::StatusOr<PageGrid> PageGridOf(PageOrigin origin, int32_t width, int32_t height,
                                    const PageLimits& limits);

}  // namespace glyph::vlm
