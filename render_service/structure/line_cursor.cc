#include "render_service/structure/line_cursor.h"

#include "render_service/text/display_text.h"

namespace glyph::render {
namespace {

constexpr int kTabStop = 4;

}  // namespace

LineCursor::LineCursor(std::string_view source, const HardLine& line, uint64_t& num_reads)
    : source_(source), position_(line.begin), end_(line.end), num_reads_(&num_reads) {
  FindText();
}

void LineCursor::SkipColumns(int columns) {
  const int target = column_ + columns;
  int column = column_;
  while (position_ < text_ && column < target) {
    column = At(position_) == '\t' ? (column / kTabStop + 1) * kTabStop : column + 1;
    ++position_;
  }
  column_ = target;
}

void LineCursor::SkipText(size_t num_bytes) {
  position_ = text_ + num_bytes;
  column_ = text_column_ + static_cast<int>(num_bytes);
  FindText();
}

char LineCursor::At(size_t offset) const {
  ++*num_reads_;
  return offset < end_ ? source_[offset] : '\0';
}

bool LineCursor::IsSpaceOrEnd(size_t offset) const {
  if (offset >= end_) return true;
  const char byte = At(offset);
  return byte == ' ' || byte == '\t';
}

DecodedCharacter LineCursor::CharacterAt(size_t offset) const {
  const DecodedCharacter character = DecodeAt(source_.substr(0, end_), offset);
  *num_reads_ += character.length;
  return character;
}

std::string_view LineCursor::Rest(size_t offset) const {
  *num_reads_ += end_ - offset;
  return source_.substr(offset, end_ - offset);
}

void LineCursor::FindText() {
  text_ = position_;
  text_column_ = column_;
  for (; text_ < end_; ++text_) {
    const char byte = At(text_);
    if (byte != ' ' && byte != '\t') break;
    text_column_ = byte == '\t' ? (text_column_ / kTabStop + 1) * kTabStop : text_column_ + 1;
  }
  size_t ink = text_;
  while (ink < end_) {
    const DecodedCharacter character = CharacterAt(ink);
    if (!IsSpace(character.code_point)) break;
    ink += character.length;
  }
  is_blank_ = ink == end_;
}

bool IsSpace(char32_t code_point) {
  if (code_point < 0x80) return code_point == ' ' || code_point == '\t';
  return IsWhiteSpace(code_point);
}

}  // namespace glyph::render
