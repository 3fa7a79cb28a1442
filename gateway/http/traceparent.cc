#include "gateway/http/traceparent.h"

namespace glyph::gateway {
namespace {

bool IsHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool IsId(std::string_view text) {
  return IsHex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

}  // namespace

// version-trace id-parent id-flags: 00-<32 digits>-<16 digits>-<2 digits>.
std::string ValidTraceparent(std::string_view header) {
  constexpr size_t kBytes = 55;
  if (header.size() != kBytes) return "";
  if (header[2] != '-' || header[35] != '-' || header[52] != '-') return "";
  const std::string_view version = header.substr(0, 2);
  const bool is_valid = IsHex(version) && version != "ff" && IsId(header.substr(3, 32)) &&
                        IsId(header.substr(36, 16)) && IsHex(header.substr(53));
  return is_valid ? std::string(header) : "";
}

}  // namespace glyph::gateway
