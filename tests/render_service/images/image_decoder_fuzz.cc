// Any bytes as an uploaded image.
#include "proto/base/check.h"
#include "render_service/images/image_decoder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto image = glyph::render::DecodeImage({reinterpret_cast<const char*>(data), size});
  if (!image.ok()) {
    GLYPH_CHECK(image.status().code() == absl::StatusCode::kInvalidArgument);
    return 0;
  }
  GLYPH_CHECK(image->width_px > 0 && image->width_px <= glyph::render::kMaxImageSidePx);
  GLYPH_CHECK(image->height_px > 0 && image->height_px <= glyph::render::kMaxImageSidePx);
  const size_t num_pixels = size_t{3} * image->width_px * image->height_px;
  GLYPH_CHECK(image->rgb.size() == num_pixels &&
              num_pixels <= size_t{3} * glyph::render::kMaxImagePixels);
  return 0;
}
