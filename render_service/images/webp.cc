#include <webp/decode.h>

#include <string_view>

#include "proto/rpc/error.h"
#include "render_service/images/formats.h"

namespace glyph::render {

absl::StatusOr<DecodedImage> DecodeWebp(std::string_view file) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(file.data());
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(bytes, file.size(), &features) != VP8_STATUS_OK) return CorruptImage();
  if (features.has_animation) {
    return rpc::InvalidArgument("IMAGE_UNSUPPORTED", "image.data",
                                "image.data is an animated WebP; send one picture");
  }
  GLYPH_RETURN_IF_ERROR(CheckImageSize(features.width, features.height));
  DecodedImage image = MakeImage(features.width, features.height);
  if (WebPDecodeRGBInto(bytes, file.size(), image.rgb.data(), image.rgb.size(),
                        image.width_px * 3) == nullptr) {
    return CorruptImage();
  }
  return image;
}

}  // namespace glyph::render
