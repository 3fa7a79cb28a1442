#include "render_service/structure/numbering.h"

#include <algorithm>
#include <string_view>

namespace glyph::render {
namespace {

constexpr int kMaxIndent = 16;     // characters before a number
constexpr int kMaxNumerals = 8;    // in 第...章
constexpr int kMaxItemDigits = 3;  // above it a number is rather a quantity or a year
constexpr int kMaxBracketed = 4;
constexpr int kMaxBracketedDigits = 2;
constexpr size_t kMaxTitleBytes = 120;

constexpr std::u32string_view kNumerals = U"〇零一二三四五六七八九十百千两";
constexpr std::u32string_view kChapterUnits = U"章回编篇卷部";
constexpr std::string_view kProseEnds[] = {".",  "!",  "?",  ",", "。", "！", "？", "；",
                                           "：", "，", "、", "…", "”",  "’",  "」", "』"};

bool Contains(std::u32string_view set, char32_t c) { return set.find(c) != set.npos; }
bool IsDigit(char32_t c) { return (c >= U'0' && c <= U'9') || (c >= U'０' && c <= U'９'); }
bool IsNumberSign(char32_t c) {
  return (c >= U'①' && c <= U'⒇') || (c >= U'❶' && c <= U'➓') || c == U'•';
}

// Reads characters one after another; U+0000 at the end of the line.
class CharacterReader {
 public:
  CharacterReader(const LineCursor& line, size_t offset) : line_(line), offset_(offset) { Read(); }

  char32_t Peek() const { return next_.code_point; }
  void Advance() {
    offset_ += next_.length;
    Read();
  }
  bool Take(char32_t c) {
    if (next_.length == 0 || Peek() != c) return false;
    Advance();
    return true;
  }
  // Takes up to `max` characters and tells how many they were.
  template <typename Predicate>
  int TakeWhile(Predicate predicate, int max) {
    int count = 0;
    for (; count < max && next_.length > 0 && predicate(Peek()); ++count) Advance();
    return count;
  }
  bool IsAtEnd() const { return next_.length == 0; }
  size_t offset() const { return offset_; }

 private:
  void Read() {
    next_ = offset_ < line_.end() ? line_.CharacterAt(offset_) : DecodedCharacter{U'\0', 0, true};
  }

  const LineCursor& line_;
  size_t offset_;
  DecodedCharacter next_;
};

bool IsNumeral(char32_t c) { return Contains(kNumerals, c); }

// What follows 第.
NumberingStyle MatchChapter(CharacterReader& reader) {
  const auto counts = [](char32_t c) { return IsNumeral(c) || IsDigit(c); };
  if (reader.TakeWhile(counts, kMaxNumerals) == 0) return NumberingStyle::kNone;
  const char32_t unit = reader.Peek();
  const bool is_chapter = Contains(kChapterUnits, unit);
  if (!is_chapter && unit != U'节') return NumberingStyle::kNone;
  reader.Advance();
  if (unit == U'部') reader.Take(U'分');
  const bool stands_alone =
      reader.IsAtEnd() || IsSpace(reader.Peek()) || reader.Take(U'：') || reader.Take(U':');
  if (!stands_alone) return NumberingStyle::kNone;
  return is_chapter ? NumberingStyle::kChapter : NumberingStyle::kSection;
}

// What follows an opening bracket.
NumberingStyle MatchBracketed(CharacterReader& reader) {
  const bool is_word = reader.TakeWhile(IsNumeral, kMaxBracketed) > 0;
  if (!is_word && reader.TakeWhile(IsDigit, kMaxBracketedDigits) == 0) {
    return NumberingStyle::kNone;
  }
  if (!reader.Take(U'）') && !reader.Take(U')')) return NumberingStyle::kNone;
  return is_word ? NumberingStyle::kBrackets : NumberingStyle::kItem;
}

NumberingStyle MatchStyle(CharacterReader& reader) {
  if (reader.Take(U'第')) return MatchChapter(reader);
  if (reader.Take(U'（') || reader.Take(U'(')) return MatchBracketed(reader);
  if (reader.TakeWhile(IsNumberSign, 1) == 1) return NumberingStyle::kItem;
  if (reader.TakeWhile(IsNumeral, kMaxBracketed) > 0) {
    return reader.Take(U'、') ? NumberingStyle::kComma : NumberingStyle::kNone;
  }
  if (reader.TakeWhile(IsDigit, kMaxItemDigits) == 0) return NumberingStyle::kNone;
  if (reader.Take(U'、')) return NumberingStyle::kItem;
  return reader.Take(U'．') && !IsDigit(reader.Peek()) ? NumberingStyle::kItem
                                                       : NumberingStyle::kNone;
}

std::string_view WithoutTrailingSpace(std::string_view line) {
  while (line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);
  return line;
}

}  // namespace

Numbering MatchNumbering(const LineCursor& line) {
  CharacterReader reader(line, line.position());
  reader.TakeWhile(IsSpace, kMaxIndent);
  const NumberingStyle style = MatchStyle(reader);
  if (style == NumberingStyle::kNone) return {};
  reader.TakeWhile(IsSpace, kMaxIndent);
  return {style, reader.offset()};
}

bool IsTitle(const LineCursor& line, size_t begin) {
  if (line.end() - begin > kMaxTitleBytes) return false;
  const std::string_view title = WithoutTrailingSpace(line.Rest(begin));
  return title.find("。") == title.npos && !title.ends_with(';') && !title.ends_with(':') &&
         !EndsLikeProse(title);
}

bool EndsLikeProse(std::string_view line) {
  line = WithoutTrailingSpace(line);
  return std::any_of(std::begin(kProseEnds), std::end(kProseEnds),
                     [&](std::string_view end) { return line.ends_with(end); });
}

}  // namespace glyph::render
