// Encoding and display form of any bytes.
#include "proto/base/check.h"
#include "proto/base/utf8.h"
#include "render_service/text/decode.h"
#include "render_service/text/display_text.h"
#include "render_service/text/hard_line.h"
#include "render_service/text/source_text.h"

namespace glyph::render {
namespace {

void CheckDisplay(std::string_view text, const HardLine& line, size_t max_characters,
                  Joiners joiners) {
  DisplayText display;
  for (size_t begin = line.begin; begin < line.end;) {
    const size_t reached = FillDisplayText(text, begin, line.end, max_characters, joiners, display);
    GLYPH_CHECK(reached > begin && reached <= line.end);
    GLYPH_CHECK(display.characters.size() <= max_characters + 4);
    uint32_t source = static_cast<uint32_t>(begin), utf8 = 0;
    for (const DisplayCharacter& character : display.characters) {
      GLYPH_CHECK(character.source_begin >= source &&
                  character.source_end >= character.source_begin);
      GLYPH_CHECK(character.source_end <= reached);
      GLYPH_CHECK(character.utf8_begin >= utf8 && character.utf8_begin < display.utf8.size());
      source = character.source_begin;
      utf8 = character.utf8_begin;
    }
    for (size_t i = 0; i < display.utf8.size();) {
      const DecodedCharacter decoded = DecodeAt(display.utf8, i);
      GLYPH_CHECK(decoded.valid);
      i += decoded.length;
    }
    begin = reached;
  }
}

void CheckText(const SourceText& source, size_t max_characters) {
  const std::string_view text = source.bytes();
  uint64_t characters = 0, replaced = 0;
  for (size_t i = 0; i < text.size(); ++characters) {
    const DecodedCharacter decoded = DecodeAt(text, i);
    GLYPH_CHECK(decoded.length >= 1 && decoded.length <= 4 && i + decoded.length <= text.size());
    if (!decoded.valid) replaced += decoded.length;
    i += decoded.length;
  }
  GLYPH_CHECK(characters == source.num_characters());
  GLYPH_CHECK(replaced == source.num_replaced_bytes());
  for (size_t begin = source.content_begin(); begin < text.size();) {
    const HardLine line = ReadHardLine(text, begin);
    GLYPH_CHECK(line.begin == begin && line.end >= begin && line.next > begin &&
                line.next >= line.end);
    CheckDisplay(text, line, max_characters, Joiners::kBoxes);
    CheckDisplay(text, line, max_characters, Joiners::kShaped);
    begin = line.next;
  }
}

}  // namespace
}  // namespace glyph::render

// The first byte chooses how many characters are shown at once.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using glyph::render::SourceText;
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto lenient = SourceText::Create(bytes, /*lenient=*/true);
  GLYPH_CHECK(lenient.ok());
  const auto strict = SourceText::Create(bytes, /*lenient=*/false);
  GLYPH_CHECK(strict.ok() == (lenient->num_replaced_bytes() == 0));
  glyph::render::CheckText(*lenient, 1 + data[0]);
  return 0;
}
