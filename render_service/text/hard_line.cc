#include "render_service/text/hard_line.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace glyph::render {
namespace {

constexpr size_t kBlock = 16;

bool MayEndLine(char c) { return c == '\n' || c == '\r' || c == '\xC2' || c == '\xE2'; }

// Whether a line end may begin in the block. The compiler makes vector instructions of it.
bool MayEndLineInBlock(const char* block) {
  uint8_t bytes[kBlock];
  std::memcpy(bytes, block, kBlock);
  uint8_t found[kBlock];
  for (size_t i = 0; i < kBlock; ++i) {
    const uint8_t b = bytes[i];
    found[i] = static_cast<uint8_t>(-(b == '\n') | -(b == '\r') | -(b == 0xC2) | -(b == 0xE2));
  }
  uint64_t halves[2];
  std::memcpy(halves, found, kBlock);
  return (halves[0] | halves[1]) != 0;
}

// Bytes of the line end that begins at `i`; 0 when none does. The longer ones begin with a lead
// byte, so they cannot lie across two characters.
size_t LineEndLength(std::string_view source, size_t i) {
  const std::string_view rest = source.substr(i, 3);
  if (rest[0] == '\n') return 1;
  if (rest[0] == '\r') return rest.substr(0, 2) == "\r\n" ? 2 : 1;
  if (rest.substr(0, 2) == "\xC2\x85") return 2;
  return rest == "\xE2\x80\xA8" || rest == "\xE2\x80\xA9" ? 3 : 0;
}

}  // namespace

HardLine ReadHardLine(std::string_view source, size_t begin) {
  for (size_t i = begin; i < source.size();) {
    if (i + kBlock <= source.size() && !MayEndLineInBlock(source.data() + i)) {
      i += kBlock;
      continue;
    }
    for (const size_t end = std::min(i + kBlock, source.size()); i < end; ++i) {
      const size_t length = MayEndLine(source[i]) ? LineEndLength(source, i) : 0;
      if (length > 0) return {begin, i, i + length};
    }
  }
  return {begin, source.size(), source.size()};
}

}  // namespace glyph::render
