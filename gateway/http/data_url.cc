#include "gateway/http/data_url.h"

#include <array>
#include <cstdint>
#include <optional>

#include "absl/strings/ascii.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

constexpr uint8_t kNoDigit = 0xff;

constexpr std::array<uint8_t, 256> MakeDigits() {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<uint8_t, 256> digits = {};
  digits.fill(kNoDigit);
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    digits[static_cast<uint8_t>(kAlphabet[i])] = static_cast<uint8_t>(i);
  }
  return digits;
}

constexpr std::array<uint8_t, 256> kDigits = MakeDigits();

// RFC 4648 to the letter: padding is there, unused bits are zero, nothing else is.
std::optional<std::string> DecodeBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  uint32_t bits = 0;
  for (size_t i = 0; i < text.size() - padding; ++i) {
    const uint8_t digit = kDigits[static_cast<uint8_t>(text[i])];
    if (digit == kNoDigit) return std::nullopt;
    bits = bits << 6 | digit;
    if (i % 4 != 0) bytes.push_back(static_cast<char>(bits >> (6 - 2 * (i % 4))));
  }
  const bool has_spare_bits = padding > 0 && (bits & ((1u << (2 * padding)) - 1)) != 0;
  if (has_spare_bits) return std::nullopt;
  return bytes;
}

absl::Status Error(const char* reason, const char* message) {
  return rpc::InvalidArgument(reason, "", message);
}

}  // namespace

absl::StatusOr<std::string> DecodeImageUrl(std::string_view url) {
  constexpr std::string_view kScheme = "data:";
  if (absl::AsciiStrToLower(std::string(url.substr(0, kScheme.size()))) != kScheme) {
    return Error("IMAGE_URL_NOT_DATA",
                 "an image must come as a data: URL; this server fetches nothing");
  }
  url.remove_prefix(kScheme.size());
  const size_t comma = url.find(',');
  constexpr size_t kMaxTypeBytes = 64;
  if (comma == std::string_view::npos || comma > kMaxTypeBytes) {
    return Error("IMAGE_NOT_BASE64", "an image must come as data:image/png;base64,...");
  }
  const std::string type = absl::AsciiStrToLower(std::string(url.substr(0, comma)));
  if (type != "image/png;base64" && type != "image/jpeg;base64" && type != "image/webp;base64") {
    return Error("IMAGE_TYPE_UNSUPPORTED",
                 "an image must be of the type image/png, image/jpeg or image/webp, in base64");
  }
  std::optional<std::string> bytes = DecodeBase64(url.substr(comma + 1));
  if (!bytes) {
    return Error("IMAGE_NOT_BASE64",
                 "the data of the image is not base64 (with padding, without spaces)");
  }
  return *std::move(bytes);
}

}  // namespace glyph::gateway
