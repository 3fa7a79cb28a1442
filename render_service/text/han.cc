#include "render_service/text/han.h"

#include <algorithm>

#include "render_service/text/decode.h"

namespace glyph::render {

bool HasHan(std::string_view text) {
  const auto may_begin_one = [](char c) { return c >= '\xE4' && c <= '\xE9'; };
  for (auto it = text.begin();; ++it) {
    it = std::find_if(it, text.end(), may_begin_one);
    if (it == text.end()) return false;
    const char32_t c = DecodeAt(text, static_cast<size_t>(it - text.begin())).code_point;
    if (c >= 0x4E00 && c <= 0x9FFF) return true;
  }
}

}  // namespace glyph::render
