#include "vlm_service/tokenizer/byte_level.h"

#include <array>
#include <cstdint>

#include "vlm_service/tokenizer/code_points.h"

namespace glyph::vlm {
namespace {

constexpr bool IsWrittenAsItself(uint32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr uint32_t kFirstShifted = 0x100;

// The bytes written as U+0100, U+0101, ...
constexpr auto kShiftedBytes = [] {
  std::array<uint8_t, 68> bytes = {};
  size_t count = 0;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    if (!IsWrittenAsItself(byte)) bytes[count++] = static_cast<uint8_t>(byte);
  }
  return bytes;
}();

}  // namespace

std::optional<std::string> BytesOfToken(std::string_view token) {
  std::string bytes;
  for (size_t position = 0; position < token.size();) {
    const CodePoint next = DecodeCodePoint(token, position);
    position += next.size_bytes;
    if (next.value < kFirstShifted && IsWrittenAsItself(next.value)) {
      bytes.push_back(static_cast<char>(next.value));
    } else if (next.value >= kFirstShifted && next.value - kFirstShifted < kShiftedBytes.size()) {
      bytes.push_back(static_cast<char>(kShiftedBytes[next.value - kFirstShifted]));
    } else {
      return std::nullopt;
    }
  }
  return bytes;
}

}  // namespace glyph::vlm
