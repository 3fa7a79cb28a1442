#include "render_service/fonts/face_chooser.h"

#include <hb.h>

#include <span>

#include "render_service/text/grapheme.h"
#include "render_service/text/joiners.h"

namespace glyph::render {
namespace {

bool Has(hb_font_t* face, char32_t code_point) {
  hb_codepoint_t glyph = 0;
  return hb_font_get_nominal_glyph(face, code_point, &glyph) != 0;
}

// Whether `face` has all `characters`, some of them perhaps as one with those before.
bool HasAll(hb_font_t* face, std::span<const DisplayCharacter> characters) {
  if (!Has(face, characters[0].code_point)) return false;
  hb_codepoint_t base = characters[0].code_point;
  for (const DisplayCharacter& character : characters.subspan(1)) {
    if (IsJoiner(character.code_point)) continue;  // fonts need not have it
    hb_codepoint_t composed = 0;
    if (hb_unicode_compose(hb_unicode_funcs_get_default(), base, character.code_point, &composed) !=
            0 &&
        Has(face, composed)) {
      base = composed;
    } else if (!Has(face, character.code_point)) {
      return false;
    }
  }
  return true;
}

bool Extends(const DisplayCharacter& character) {
  return character.code_point >= 0x300 && !character.is_box &&
         ExtendsGrapheme(character.code_point);
}

}  // namespace

void FaceChooser::Choose(const DisplayText& text, std::vector<FaceRun>& runs) const {
  runs.clear();
  const std::vector<DisplayCharacter>& characters = text.characters;
  for (size_t begin = 0, end = 0; begin < characters.size(); begin = end) {
    end = begin + 1;
    while (!characters[begin].is_box && end < characters.size() && Extends(characters[end])) ++end;
    const uint32_t face = FaceFor(text, begin, end);
    if (!runs.empty() && runs.back().face == face) continue;
    runs.push_back({characters[begin].utf8_begin, face});
  }
}

uint32_t FaceChooser::FaceFor(const DisplayText& text, size_t begin, size_t end) const {
  const DisplayCharacter& base = text.characters[begin];
  if (faces_.size() == 1 || base.is_box) return 0;
  const std::span characters(&base, end - begin);
  uint32_t with_base = static_cast<uint32_t>(faces_.size());
  for (uint32_t face = 0; face < faces_.size(); ++face) {
    if (HasAll(faces_[face], characters)) return face;
    if (with_base == faces_.size() && Has(faces_[face], base.code_point)) with_base = face;
  }
  return with_base < faces_.size() ? with_base : 0;
}

}  // namespace glyph::render
