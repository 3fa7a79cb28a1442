#pragma once
#include <cstddef>
#include <string_view>

namespace glyph::render {

// One line as its author ended it. Byte offsets into the source.
struct HardLine {
  size_t begin = 0;
  size_t end = 0;   // before the line end
  size_t next = 0;  // after the line end; the source's size when there is none
};

// The hard line of `source` that begins at `begin` <= source.size(). Line ends are LF, CR LF, CR,
// U+0085, U+2028 and U+2029.
HardLine ReadHardLine(std::string_view source, size_t begin);

}  // namespace glyph::render
