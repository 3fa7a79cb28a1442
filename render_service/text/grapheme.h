#pragma once

namespace glyph::render {

// Whether `code_point` is drawn as one with the character before it, whatever that is (UAX 29).
bool ExtendsGrapheme(char32_t code_point);

}  // namespace glyph::render
