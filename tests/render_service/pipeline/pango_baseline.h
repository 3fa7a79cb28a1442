#pragma once
#include <string_view>

namespace glyph::render {

// Draws `text` as one would without this service, to compare with: plain Pango and Cairo, one
// layout a paragraph, wrapped by Pango, 14 px with the hinting of our pages on pages of 1024x5600
// px that are thrown away.
void DrawWithPlainPango(std::string_view text);

}  // namespace glyph::render
