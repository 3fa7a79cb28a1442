#include "vlm_service/tokenizer/known_patterns.h"

#include <cstdint>
#include <limits>

#include "vlm_service/tokenizer/code_points.h"

namespace glyph::vlm {
namespace {

constexpr uint32_t kLongS = 0x17F;  // folds to 's'

// A character of the text, or its end.
struct Char {
  uint32_t value = 0;
  uint8_t classes = 0;
  size_t end = 0;  // of its bytes
  bool exists = false;

  bool Is(uint8_t char_classes) const { return exists && (classes & char_classes) != 0; }
  // [^\s\p{L}\p{N}]
  bool IsOther() const { return exists && (classes & (kLetter | kNumber | kSpace)) == 0; }
  bool IsNewline() const { return exists && (value == '\r' || value == '\n'); }
};

Char CharAt(std::string_view text, size_t position) {
  if (position >= text.size()) return {.end = position};
  const CodePoint next = DecodeCodePoint(text, position);
  return {next.value, ClassesOf(next.value), position + next.size_bytes, true};
}

// End of the run of characters of `char_class`, at most `limit` of them.
size_t EndOfRun(std::string_view text, size_t position, CharClass char_class,
                size_t limit = std::numeric_limits<size_t>::max()) {
  for (Char next = CharAt(text, position); limit > 0 && next.Is(char_class); --limit) {
    position = next.end;
    next = CharAt(text, position);
  }
  return position;
}

size_t EndOfOthers(std::string_view text, size_t position) {
  for (Char next = CharAt(text, position); next.IsOther(); next = CharAt(text, position)) {
    position = next.end;
  }
  return position;
}

// 's|'t|'re|'ve|'m|'ll|'d at `position`; returns `position` when none is there.
size_t EndOfContraction(std::string_view text, size_t position, bool ignore_case) {
  if (text[position] != '\'') return position;
  const auto folded = [&](const Char& c) {
    if (!ignore_case || !c.exists) return c.value;
    if (c.value == kLongS) return uint32_t{'s'};
    return c.value >= 'A' && c.value <= 'Z' ? c.value + ('a' - 'A') : c.value;
  };
  const Char first = CharAt(text, position + 1);
  const uint32_t letter = folded(first);
  if (letter == 's' || letter == 't' || letter == 'm' || letter == 'd') return first.end;
  const Char second = CharAt(text, first.end);
  const uint32_t next_letter = folded(second);
  const bool pair = ((letter == 'r' || letter == 'v') && next_letter == 'e') ||
                    (letter == 'l' && next_letter == 'l');
  return pair ? second.end : position;
}

// \s+(?!\S)|\s+ at a space: the run, without its last character when something follows that
// character and the run has more than one.
size_t EndOfSpaces(std::string_view text, size_t position) {
  size_t last_begin = position;
  size_t end = position;
  for (Char next = CharAt(text, end); next.Is(kSpace); next = CharAt(text, end)) {
    last_begin = end;
    end = next.end;
  }
  return end == text.size() || last_begin == position ? end : last_begin;
}

// \s*[\r\n]+ at a space: up to the last newline of the run; `position` when it has none.
size_t EndOfLastNewline(std::string_view text, size_t position) {
  size_t end = position;
  for (Char next = CharAt(text, position); next.Is(kSpace); next = CharAt(text, next.end)) {
    if (next.IsNewline()) end = next.end;
  }
  return end;
}

}  // namespace

size_t EndOfGpt2Match(std::string_view text, size_t position) {
  const size_t contraction = EndOfContraction(text, position, /*ignore_case=*/false);
  if (contraction != position) return contraction;
  Char first = CharAt(text, position);
  size_t begin = position;
  if (first.value == ' ') {  // " ?"
    const Char next = CharAt(text, first.end);
    if (next.exists && !next.Is(kSpace)) {
      begin = first.end;
      first = next;
    }
  }
  if (first.Is(kLetter)) return EndOfRun(text, begin, kLetter);
  if (first.Is(kNumber)) return EndOfRun(text, begin, kNumber);
  if (first.IsOther()) return EndOfOthers(text, begin);
  return EndOfSpaces(text, position);
}

size_t EndOfGpt4Match(std::string_view text, size_t position) {
  constexpr size_t kMaxDigits = 3;
  const size_t contraction = EndOfContraction(text, position, /*ignore_case=*/true);
  if (contraction != position) return contraction;
  const Char first = CharAt(text, position);
  if (first.Is(kLetter)) return EndOfRun(text, position, kLetter);
  if (first.Is(kNumber)) return EndOfRun(text, position, kNumber, kMaxDigits);
  const Char second = CharAt(text, first.end);
  if (!first.IsNewline() && second.Is(kLetter)) return EndOfRun(text, first.end, kLetter);
  if (first.IsOther() || (first.value == ' ' && second.IsOther())) {
    size_t end = EndOfOthers(text, first.IsOther() ? position : first.end);
    while (CharAt(text, end).IsNewline()) ++end;
    return end;
  }
  const size_t newline = EndOfLastNewline(text, position);
  return newline != position ? newline : EndOfSpaces(text, position);
}

}  // namespace glyph::vlm
