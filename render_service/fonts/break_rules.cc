#include "render_service/fonts/break_rules.h"

#include <pango/pango.h>

#include <algorithm>
#include <string>
#include <vector>

namespace glyph::render {
namespace {

// A character of each class, in the order of BreakClass.
constexpr std::array<char32_t, kNumBreakClasses> kExamples = {
    'a',    0x4E2D, ' ', '1', '/',    ',', 0x3002, ')',  '(',    0xFF08, '"',   0xA0,
    0x30FB, '!',    '$', '%', 0x2026, '-', 0x2013, 0xB4, 0x2014, 0xAC00, 0xAC01};

char32_t Example(size_t break_class) { return kExamples[break_class]; }

// Whether Pango lets a line begin at character `i` of `text`.
bool Asks(const std::vector<char32_t>& text, size_t i) {
  std::string utf8;
  for (const char32_t c : text) {
    char bytes[6];
    utf8.append(bytes, static_cast<size_t>(g_unichar_to_utf8(c, bytes)));
  }
  std::vector<PangoLogAttr> attributes(text.size() + 1);
  pango_get_log_attrs(utf8.data(), static_cast<int>(utf8.size()), /*level=*/0,
                      pango_language_from_string("en"), attributes.data(),
                      static_cast<int>(attributes.size()));
  return attributes[i].is_line_break != 0;
}

bool IsInfix(BreakClass c) { return c == BreakClass::kSlash || c == BreakClass::kComma; }

// Whether the characters before `i` are digits, perhaps with infix separators after them and then
// perhaps a closing mark: what rule LB 25 keeps together with a unit after it.
bool NumberEnds(std::span<const BreakClass> classes, size_t i) {
  if (classes[i - 1] == BreakClass::kClose || classes[i - 1] == BreakClass::kCloseParenthesis) --i;
  while (i > 0 && IsInfix(classes[i - 1])) --i;
  return i > 0 && classes[i - 1] == BreakClass::kNumber;
}

// GLib's type with those that Pango takes for another one replaced.
GUnicodeBreakType TypeOf(char32_t code_point) {
  const GUnicodeBreakType type = g_unichar_break_type(code_point);
  if (type == G_UNICODE_BREAK_AMBIGUOUS) return G_UNICODE_BREAK_ALPHABETIC;
  if (type == G_UNICODE_BREAK_CONDITIONAL_JAPANESE_STARTER) return G_UNICODE_BREAK_NON_STARTER;
  return type;
}

}  // namespace

BreakRules::BreakRules() {
  const char32_t digit = Example(static_cast<size_t>(BreakClass::kNumber));
  for (size_t i = 0; i < kNumBreakClasses; ++i) {
    for (size_t j = 0; j < kNumBreakClasses; ++j) {
      const char32_t before = Example(i), after = Example(j);
      spaced_[i][j] = Asks({before, ' ', after}, 2) ? Answer::kYes : Answer::kNo;
      adjacent_[i][j] = !Asks({before, after}, 1)          ? Answer::kNo
                        : !Asks({digit, before, after}, 2) ? Answer::kUnlessNumberEnds
                        : !Asks({before, after, digit}, 1) ? Answer::kUnlessNumberFollows
                                                           : Answer::kYes;
    }
  }
}

std::optional<BreakClass> BreakRules::ClassOf(char32_t code_point) {
  const GUnicodeBreakType type = TypeOf(code_point);
  if (type == G_UNICODE_BREAK_OPEN_PUNCTUATION) {
    return Asks({'a', code_point}, 1) ? BreakClass::kOpenWide : BreakClass::kOpen;
  }
  // Only narrow ones keep a letter after them.
  if (type == G_UNICODE_BREAK_CLOSE_PARANTHESIS && Asks({code_point, 'a'}, 1)) return std::nullopt;
  const auto it = std::find_if(kExamples.begin(), kExamples.end(),
                               [&](char32_t example) { return TypeOf(example) == type; });
  if (it == kExamples.end()) return std::nullopt;
  return static_cast<BreakClass>(it - kExamples.begin());
}

bool BreakRules::CanBreakBefore(std::span<const BreakClass> classes, size_t i) const {
  const auto after = static_cast<size_t>(classes[i]);
  size_t end = i;
  while (end > 0 && classes[end - 1] == BreakClass::kSpace) --end;
  // What begins with spaces follows, as it were, a letter.
  const auto before = static_cast<size_t>(end > 0 ? classes[end - 1] : BreakClass::kLetter);
  if (end < i) return spaced_[before][after] == Answer::kYes;
  switch (adjacent_[before][after]) {
    case Answer::kNo:
      return false;
    case Answer::kYes:
      return true;
    case Answer::kUnlessNumberEnds:
      return !NumberEnds(classes, i);
    case Answer::kUnlessNumberFollows:
      return i + 1 == classes.size() || classes[i + 1] != BreakClass::kNumber;
  }
  return false;
}

}  // namespace glyph::render
