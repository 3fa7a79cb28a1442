#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "render_service/text/decode.h"
#include "render_service/text/hard_line.h"

namespace glyph::render {

// Reads the markers of one hard line from left to right. Columns are bytes, and a tab reaches to
// the next multiple of 4. All offsets count the bytes of the source. Every byte looked at is added
// to `num_reads`, which is how tests see that time is linear.
class LineCursor {
 public:
  // `source` and `num_reads` outlive the cursor, which begins at line.begin.
  LineCursor(std::string_view source, const HardLine& line, uint64_t& num_reads);

  // Passes `columns` <= Indent() columns of white space. A tab that is passed in part counts as
  // passed, but its other columns stay in Indent().
  void SkipColumns(int columns);
  // Passes the white space before the text and the first `num_bytes` bytes of the text.
  void SkipText(size_t num_bytes);

  // Columns of spaces and tabs between the cursor and the text.
  int Indent() const { return text_column_ - column_; }
  // Nothing that leaves ink follows.
  bool is_blank() const { return is_blank_; }
  size_t position() const { return position_; }
  // The first byte that is neither space nor tab.
  size_t text() const { return text_; }
  size_t end() const { return end_; }

  // The byte at `offset`; '\0' at the end of the line and after it.
  char At(size_t offset) const;
  bool IsSpaceOrEnd(size_t offset) const;
  // The character at `offset` < end().
  DecodedCharacter CharacterAt(size_t offset) const;
  // The bytes from `offset` <= end() to the end of the line; counts as reading them once.
  std::string_view Rest(size_t offset) const;

 private:
  void FindText();

  std::string_view source_;
  size_t position_;
  size_t end_;
  size_t text_ = 0;
  int column_ = 0;
  int text_column_ = 0;
  bool is_blank_ = false;
  uint64_t* num_reads_;
};

// A space, of any width, that leaves no ink. Controls do: they are drawn as boxes.
bool IsSpace(char32_t code_point);

}  // namespace glyph::render
