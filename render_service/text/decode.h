#pragma once
#include <cstddef>
#include <string_view>

namespace glyph::render {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

struct DecodedCharacter {
  char32_t code_point = 0;
  size_t length = 0;  // bytes, 1 to 4
  bool valid = true;  // false: a maximal invalid subpart; code_point is U+FFFD
};

// Decodes the character of `text` that begins at `offset` < text.size(). Never reads past the end.
DecodedCharacter DecodeAt(std::string_view text, size_t offset);

}  // namespace glyph::render
