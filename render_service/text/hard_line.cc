#include "render_service/text/hard_line.h"

namespace glyph::render {
namespace {

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
  size_t i = begin;
  for (; (i = source.find_first_of("\n\r\xC2\xE2", i)) != std::string_view::npos; ++i) {
    const size_t length = LineEndLength(source, i);
    if (length > 0) return {begin, i, i + length};
  }
  return {begin, source.size(), source.size()};
}

}  // namespace glyph::render
