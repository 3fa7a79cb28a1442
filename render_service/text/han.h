#pragma once
#include <string_view>

namespace glyph::render {

// Whether `text` has a character of U+4E00 to U+9FFF, the common Chinese ones.
bool HasHan(std::string_view text);

}  // namespace glyph::render
