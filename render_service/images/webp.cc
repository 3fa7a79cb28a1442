#include <webp/decode.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "proto/rpc/error.h"
#include "render_service/images/formats.h"

namespace glyph::render {
namespace {

constexpr size_t kPieces = 256;  // a file is decoded in

}  // namespace

absl::StatusOr<DecodedImage> DecodeWebp(std::string_view file,
                                        const std::atomic<bool>& is_cancelled) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(file.data());
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(bytes, file.size(), &features) != VP8_STATUS_OK) return CorruptImage();
  if (features.has_animation) {
    return rpc::InvalidArgument("IMAGE_UNSUPPORTED", "image.data",
                                "image.data is an animated WebP; send one picture");
  }
  GLYPH_RETURN_IF_ERROR(CheckImageSize(features.width, features.height));
  DecodedImage image = MakeImage(features.width, features.height);
  const std::unique_ptr<WebPIDecoder, void (*)(WebPIDecoder*)> decoder(
      WebPINewRGB(MODE_RGB, image.rgb.data(), image.rgb.size(), image.width_px * 3), WebPIDelete);
  if (decoder == nullptr) return CorruptImage();
  const size_t piece = file.size() / kPieces + 1;
  for (size_t end = piece; !is_cancelled; end += piece) {
    const VP8StatusCode status = WebPIUpdate(decoder.get(), bytes, std::min(end, file.size()));
    if (status == VP8_STATUS_OK) break;
    if (status != VP8_STATUS_SUSPENDED || end >= file.size()) return CorruptImage();
  }
  return image;
}

}  // namespace glyph::render
