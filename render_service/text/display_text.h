#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace glyph::render {

// Combining marks drawn on one base. More are spread over dotted circles: HarfBuzz 6 takes
// quadratic time in a run of marks.
inline constexpr int kMaxMarksOnBase = 8;
// The characters shown in place of a tab, and of a line end that is shown, not followed (see
// RenderProfile::newline_mark); empty: any other character stands for itself.
constexpr std::string_view ShownInPlaceOf(char32_t code_point) {
  return code_point == '\t' ? "    " : code_point == '\n' ? " \\n " : "";
}
inline constexpr size_t kMaxShownCharacters = 4;

// One character as it will be drawn.
struct DisplayCharacter {
  char32_t code_point = 0;
  uint32_t source_begin = 0;  // bytes of the source it stands for, half-open; empty for an
  uint32_t source_end = 0;  // inserted dotted circle and all of a tab or newline mark but its first
  uint32_t utf8_begin = 0;  // offset into DisplayText::utf8
  bool is_box = false;      // control or invisible: drawn as a hex box; U+FFFD in utf8
  bool is_capped_mark = false;  // a mark beyond kMaxMarksOnBase
};

// A stretch of one hard line, ready for shaping: no control and no invisible characters but those
// that shaping takes, no tabs, no long runs of marks.
struct DisplayText {
  std::string utf8;
  std::vector<DisplayCharacter> characters;  // logical order
};

// Joiners and variation selectors: hex boxes as all invisible characters, or what they are where
// they change how their neighbours look (text/joiners.h).
enum class Joiners { kBoxes, kShaped };

// Replaces `out` by the display form of source[begin, end), which lies in one hard line or shows
// its line feeds; stops after about `max_characters` (at most 4 more). Returns the source offset
// reached.
size_t FillDisplayText(std::string_view source, size_t begin, size_t end, size_t max_characters,
                       Joiners joiners, DisplayText& out);

// White_Space of the Unicode character database: leaves no ink.
bool IsWhiteSpace(char32_t code_point);

}  // namespace glyph::render
