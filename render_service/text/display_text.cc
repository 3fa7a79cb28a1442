#include "render_service/text/display_text.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include "render_service/text/decode.h"
#include "render_service/text/joiners.h"

namespace glyph::render {
namespace {

constexpr char32_t kDottedCircle = 0x25CC;
static_assert(ShownInPlaceOf('\t').size() <= kMaxShownCharacters &&
              ShownInPlaceOf('\n').size() <= kMaxShownCharacters);

enum class CharacterClass { kPlain, kMark, kInvisible };

CharacterClass Classify(char32_t code_point) {
  if (code_point < 0x7F) {
    return code_point < 0x20 ? CharacterClass::kInvisible : CharacterClass::kPlain;
  }
  const auto c = static_cast<UChar32>(code_point);
  const uint32_t category = U_GET_GC_MASK(c);
  if ((category & (U_GC_CC_MASK | U_GC_CF_MASK)) != 0 ||
      u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT)) {
    return CharacterClass::kInvisible;
  }
  return (category & U_GC_M_MASK) != 0 ? CharacterClass::kMark : CharacterClass::kPlain;
}

// Marks that end right before `end`, at most kMaxMarksOnBase.
int CountMarksBefore(std::string_view source, size_t end) {
  int count = 0;
  while (count < kMaxMarksOnBase && end > 0) {
    size_t begin = end - 1;
    while (begin > 0 && end - begin < U8_MAX_LENGTH && U8_IS_TRAIL(source[begin])) --begin;
    const DecodedCharacter character = DecodeAt(source.substr(0, end), begin);
    if (character.length != end - begin) break;
    if (Classify(character.code_point) != CharacterClass::kMark) break;
    ++count;
    end = begin;
  }
  return count;
}

// Appends display characters to a DisplayText and watches the marks on the last base.
class DisplayWriter {
 public:
  // `marks_before` marks precede the first character in the source.
  DisplayWriter(DisplayText& out, int marks_before) : out_(out), marks_in_run_(marks_before) {}

  // The last character as it is drawn; 0: none, or a box.
  char32_t last() const {
    return out_.characters.empty() || out_.characters.back().is_box
               ? 0
               : out_.characters.back().code_point;
  }

  // Adds an invisible character that changes how the one before it looks.
  void AddJoiner(char32_t code_point, uint32_t source_begin, uint32_t source_end) {
    Append({.code_point = code_point, .source_begin = source_begin, .source_end = source_end});
  }

  void Add(char32_t code_point, uint32_t source_begin, uint32_t source_end) {
    switch (Classify(code_point)) {
      case CharacterClass::kPlain:
        base_takes_marks_ = true;
        marks_on_base_ = marks_in_run_ = 0;
        Append({.code_point = code_point, .source_begin = source_begin, .source_end = source_end});
        break;
      case CharacterClass::kMark:
        AddMark(code_point, source_begin, source_end);
        break;
      case CharacterClass::kInvisible:
        base_takes_marks_ = false;
        marks_on_base_ = marks_in_run_ = 0;
        Append({.code_point = code_point,
                .source_begin = source_begin,
                .source_end = source_end,
                .is_box = true});
        break;
    }
  }

 private:
  void AddMark(char32_t code_point, uint32_t source_begin, uint32_t source_end) {
    if (!base_takes_marks_ || marks_on_base_ == kMaxMarksOnBase) {
      Append(
          {.code_point = kDottedCircle, .source_begin = source_begin, .source_end = source_begin});
      base_takes_marks_ = true;
      marks_on_base_ = 0;
    }
    ++marks_on_base_;
    ++marks_in_run_;
    Append({.code_point = code_point,
            .source_begin = source_begin,
            .source_end = source_end,
            .is_capped_mark = marks_in_run_ > kMaxMarksOnBase});
  }

  void Append(DisplayCharacter character) {
    character.utf8_begin = static_cast<uint32_t>(out_.utf8.size());
    const char32_t shaped = character.is_box ? kReplacementCharacter : character.code_point;
    char bytes[U8_MAX_LENGTH];
    int32_t length = 0;
    U8_APPEND_UNSAFE(bytes, length, shaped);
    out_.utf8.append(bytes, static_cast<size_t>(length));
    out_.characters.push_back(character);
  }

  DisplayText& out_;
  bool base_takes_marks_ = false;  // false: at the start and after a box
  int marks_on_base_ = 0;
  int marks_in_run_;  // marks since the last character of the source that is not one
};

}  // namespace

size_t FillDisplayText(std::string_view source, size_t begin, size_t end, size_t max_characters,
                       Joiners joiners, DisplayText& out) {
  out.utf8.clear();
  out.characters.clear();
  DisplayWriter writer(out, CountMarksBefore(source, begin));
  const std::string_view line = source.substr(0, end);
  size_t i = begin;
  while (i < end && out.characters.size() < max_characters) {
    const DecodedCharacter character = DecodeAt(line, i);
    const auto first = static_cast<uint32_t>(i);
    i += character.length;
    const auto last = static_cast<uint32_t>(i);
    const std::string_view shown = ShownInPlaceOf(character.code_point);
    if (joiners == Joiners::kShaped && IsJoiner(character.code_point) &&
        Joins(writer.last(), character.code_point, i < end ? DecodeAt(line, i).code_point : 0)) {
      writer.AddJoiner(character.code_point, first, last);
      continue;
    }
    if (shown.empty()) {
      writer.Add(character.code_point, first, last);
      continue;
    }
    writer.Add(static_cast<char32_t>(shown[0]), first, last);
    for (const char c : shown.substr(1)) writer.Add(static_cast<char32_t>(c), last, last);
  }
  return i;
}

bool IsWhiteSpace(char32_t code_point) { return u_isUWhiteSpace(static_cast<UChar32>(code_point)); }

}  // namespace glyph::render
