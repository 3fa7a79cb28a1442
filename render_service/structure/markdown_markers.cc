#include "render_service/structure/markdown_markers.h"

namespace glyph::render {
namespace {

constexpr int kMaxHeadingLevel = 6;
constexpr size_t kMinUnderline = 2;
constexpr int kMinRule = 3;
constexpr size_t kMinFence = 3;
constexpr size_t kMaxDigits = 9;
// A line may be tried as a rule once for every list it opens.
constexpr size_t kMaxRuleBytes = 1024;

// Length of the run of `mark` at `offset`.
size_t RunLength(const LineCursor& line, size_t offset, char mark) {
  size_t end = offset;
  while (line.At(end) == mark) ++end;
  return end - offset;
}

bool IsBlankFrom(const LineCursor& line, size_t offset) {
  while (offset < line.end() && line.IsSpaceOrEnd(offset)) ++offset;
  return offset == line.end();
}

}  // namespace

int HeadingLevel(const LineCursor& line) {
  int level = 0;
  while (level <= kMaxHeadingLevel && line.At(line.text() + level) == '#') ++level;
  return level <= kMaxHeadingLevel && line.IsSpaceOrEnd(line.text() + level) ? level : 0;
}

int UnderlineLevel(const LineCursor& line) {
  const char mark = line.At(line.text());
  if (mark != '=' && mark != '-') return 0;
  const size_t length = RunLength(line, line.text(), mark);
  if (length < kMinUnderline || !IsBlankFrom(line, line.text() + length)) return 0;
  return mark == '=' ? 1 : 2;
}

bool IsRule(const LineCursor& line) {
  const char mark = line.At(line.text());
  if (mark != '-' && mark != '*' && mark != '_') return false;
  if (line.end() - line.text() > kMaxRuleBytes) return false;
  int count = 0;
  for (size_t i = line.text(); i < line.end(); ++i) {
    const char byte = line.At(i);
    if (byte != mark && byte != ' ' && byte != '\t') return false;
    count += byte == mark;
  }
  return count >= kMinRule;
}

std::optional<Fence> MatchFence(const LineCursor& line) {
  const char mark = line.At(line.text());
  if (mark != '`' && mark != '~') return std::nullopt;
  const size_t length = RunLength(line, line.text(), mark);
  if (length < kMinFence) return std::nullopt;
  // Otherwise it is code inside a line.
  if (mark == '`' && line.Rest(line.text() + length).find('`') != std::string_view::npos) {
    return std::nullopt;
  }
  return Fence{mark, length};
}

bool ClosesFence(const LineCursor& line, const Fence& fence) {
  const size_t length = RunLength(line, line.text(), fence.mark);
  return length >= fence.length && IsBlankFrom(line, line.text() + length);
}

std::optional<ListMarker> MatchListMarker(const LineCursor& line) {
  const size_t begin = line.text();
  size_t i = begin;
  const auto is_digit = [&] { return line.At(i) >= '0' && line.At(i) <= '9'; };
  bool may_interrupt = true;
  if (is_digit()) {
    while (is_digit() && i - begin <= kMaxDigits) ++i;
    may_interrupt = i - begin == 1 && line.At(begin) == '1';
    if (i - begin > kMaxDigits || (line.At(i) != '.' && line.At(i) != ')')) return std::nullopt;
  } else if (line.At(i) != '-' && line.At(i) != '*' && line.At(i) != '+') {
    return std::nullopt;
  }
  ++i;
  if (!line.IsSpaceOrEnd(i)) return std::nullopt;
  return ListMarker{i - begin, may_interrupt && !IsBlankFrom(line, i)};
}

}  // namespace glyph::render
