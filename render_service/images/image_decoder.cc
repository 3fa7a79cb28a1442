#include "render_service/images/image_decoder.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"
#include "render_service/images/formats.h"

namespace glyph::render {
namespace {

constexpr char kField[] = "image.data";
constexpr std::string_view kPngSignature = "\x89PNG\r\n\x1A\n";
constexpr std::string_view kJpegSignature = "\xFF\xD8\xFF";

bool IsWebp(std::string_view file) {
  return file.substr(0, 4) == "RIFF" && file.size() >= 12 && file.substr(8, 4) == "WEBP";
}

absl::StatusOr<DecodedImage> DecodeAny(std::string_view file,
                                       const std::atomic<bool>& is_cancelled) {
  if (file.size() > kMaxImageBytes) {
    return rpc::InvalidArgument("INPUT_TOO_LARGE", kField,
                                absl::StrCat("image.data has more than the limit of ",
                                             kMaxImageBytes, " bytes; send a smaller file"));
  }
  if (file.empty()) return CorruptImage();
  if (file.substr(0, kPngSignature.size()) == kPngSignature) return DecodePng(file, is_cancelled);
  if (file.substr(0, kJpegSignature.size()) == kJpegSignature) return DecodeJpeg(file, is_cancelled);
  if (IsWebp(file)) return DecodeWebp(file, is_cancelled);
  return rpc::InvalidArgument("IMAGE_UNSUPPORTED", kField,
                              "image.data is neither PNG nor JPEG nor WebP; convert the image");
}

}  // namespace

absl::StatusOr<DecodedImage> DecodeImage(std::string_view file,
                                         const std::atomic<bool>& is_cancelled) {
  auto image = DecodeAny(file, is_cancelled);
  if (is_cancelled) return absl::CancelledError("decoding was cancelled");
  return image;
}

absl::Status CheckImageSize(int64_t width_px, int64_t height_px) {
  if (width_px < 1 || height_px < 1) return CorruptImage();
  if (width_px <= kMaxImageSidePx && height_px <= kMaxImageSidePx &&
      width_px * height_px <= kMaxImagePixels) {
    return absl::OkStatus();
  }
  return rpc::InvalidArgument(
      "IMAGE_TOO_LARGE", kField,
      absl::StrCat("image.data is an image of ", width_px, "x", height_px, " px; the limits are ",
                   kMaxImageSidePx, " px a side and ", kMaxImagePixels,
                   " px in all; scale the image down"));
}

absl::Status CorruptImage() {
  return rpc::InvalidArgument("IMAGE_CORRUPT", kField,
                              "image.data is damaged or cut short; send the whole file");
}

DecodedImage MakeImage(int64_t width_px, int64_t height_px) {
  DecodedImage image;
  image.width_px = static_cast<int>(width_px);
  image.height_px = static_cast<int>(height_px);
  image.rgb.resize(static_cast<size_t>(width_px * height_px * 3));
  return image;
}

}  // namespace glyph::render
