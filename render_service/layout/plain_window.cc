#include "render_service/layout/plain_window.h"

#include "render_service/text/display_text.h"

namespace glyph::render {
namespace {

// A character of the basic plane; length 0: something else, or no character.
struct BasicCharacter {
  char16_t code_point = 0;
  size_t length = 0;
};

// DecodeAt (text/decode.h) for most of what texts are made of, inline.
BasicCharacter DecodeBasic(const unsigned char* bytes, size_t available) {
  if (bytes[0] < 0x80) return {bytes[0], 1};
  const auto continues = [&](size_t i) { return (bytes[i] & 0xC0) == 0x80; };
  if (bytes[0] >= 0xC2 && bytes[0] < 0xE0 && available >= 2 && continues(1)) {
    return {static_cast<char16_t>((bytes[0] & 0x1F) << 6 | (bytes[1] & 0x3F)), 2};
  }
  if (bytes[0] >= 0xE0 && bytes[0] < 0xF0 && available >= 3 && continues(1) && continues(2)) {
    const auto code_point =
        static_cast<char16_t>((bytes[0] & 0x0F) << 12 | (bytes[1] & 0x3F) << 6 | (bytes[2] & 0x3F));
    // Below lie overlong forms. Surrogates are never plain.
    if (code_point >= 0x800) return {code_point, 3};
  }
  return {};
}

}  // namespace

void PlainWindow::Reserve(size_t num_characters) {
  if (glyphs_.size() >= num_characters) return;
  glyphs_.resize(num_characters);
  break_classes_.resize(num_characters);
  pens_.resize(num_characters + 1);
  sources_.resize(num_characters + 1);
}

bool PlainWindow::Fill(std::string_view source, size_t begin, size_t end, size_t max_characters,
                       GlyphTable& table) {
  Reserve(max_characters + kMaxShownCharacters);
  const auto* bytes = reinterpret_cast<const unsigned char*>(source.data());
  uint16_t* const glyphs = glyphs_.data();
  BreakClass* const break_classes = break_classes_.data();
  uint32_t* const pens = pens_.data();
  uint32_t* const sources = sources_.data();
  uint32_t pen = 0;
  size_t n = 0;
  size_t i = begin;
  const auto add = [&](const PlainGlyph& glyph, size_t offset) {
    glyphs[n] = glyph.id;
    break_classes[n] = glyph.break_class;
    pens[n] = pen;
    sources[n] = static_cast<uint32_t>(offset);
    pen += glyph.advance;
    ++n;
  };
  while (i < end && n < max_characters) {
    const BasicCharacter character = DecodeBasic(bytes + i, end - i);
    if (character.length == 0) return false;
    if (const PlainGlyph* glyph = table.Find(character.code_point)) {
      add(*glyph, i);
      i += character.length;
      continue;
    }
    const std::string_view shown = ShownInPlaceOf(character.code_point);
    if (shown.empty()) return false;
    for (size_t k = 0; k < shown.size(); ++k) {
      const PlainGlyph* glyph = table.Find(static_cast<unsigned char>(shown[k]));
      if (glyph == nullptr) return false;
      add(*glyph, k == 0 ? i : i + 1);
    }
    ++i;
  }
  pens[n] = pen;
  sources[n] = static_cast<uint32_t>(i);
  size_ = n;
  return true;
}

}  // namespace glyph::render
