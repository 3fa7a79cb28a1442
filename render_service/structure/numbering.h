#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "render_service/structure/line_cursor.h"

namespace glyph::render {

// How the lines of Chinese documents are numbered, and two kinds of bullets.
enum class NumberingStyle : uint8_t {
  kNone,
  kChapter,   // 第一章, 第2回, 第三编 and so on, alone or before a space or colon
  kSection,   // 第一节
  kComma,     // 一、
  kBrackets,  // （一） (二)
  kItem,      // 1． 1、 （1） ① •
};

struct Numbering {
  NumberingStyle style = NumberingStyle::kNone;
  size_t content_begin = 0;  // after the marker and the spaces that follow it
};

// The numbering that the line begins with, behind spaces of any kind.
Numbering MatchNumbering(const LineCursor& line);

// Whether the text from `begin` to the end of the line reads as a title: short, and no sentence.
bool IsTitle(const LineCursor& line, size_t begin);

// Whether the line ends like a sentence or a part of one, and unlike a line of code.
bool EndsLikeProse(std::string_view line);

}  // namespace glyph::render
