#include "render_service/text/hard_line.h"

#include <array>

namespace glyph::render {
namespace {

// Bytes that begin a line end.
constexpr std::array<bool, 256> kMayEndLine = [] {
  std::array<bool, 256> table = {};
  table['\n'] = table['\r'] = table[0xC2] = table[0xE2] = true;
  return table;
}();

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
  for (size_t i = begin; i < source.size(); ++i) {
    if (!kMayEndLine[static_cast<unsigned char>(source[i])]) continue;
    const size_t length = LineEndLength(source, i);
    if (length > 0) return {begin, i, i + length};
  }
  return {begin, source.size(), source.size()};
}

}  // namespace glyph::render
