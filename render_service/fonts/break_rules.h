#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace glyph::render {

// Classes of UAX 14 whose line breaks BreakRules knows, as Pango resolves them.
enum class BreakClass : uint8_t {
  kLetter,
  kIdeograph,
  kSpace,  // U+0020 only
  kNumber,
  kSlash,
  kComma,  // infix separators
  kClose,
  kCloseParenthesis,
  kOpen,
  kOpenWide,  // East Asian: a letter before it may end a line
  kQuotation,
  kGlue,
  kNonStarter,
  kExclamation,
  kPrefix,
  kPostfix,
  kInseparable,
  kHyphen,
  kBreakAfter,
  kBreakBefore,
  kDash,
  kHangulOpen,
  kHangulClosed,
};
inline constexpr size_t kNumBreakClasses = 23;

// Where Pango lets a line begin, told from classes alone. What a pair of classes allows is asked of
// Pango once, at construction; beyond pairs count the class before a run of spaces, whether a
// number ends before, and whether a digit follows. Immutable, so safe to share between threads.
class BreakRules {
 public:
  BreakRules();

  // nullopt: breaks around `code_point` need Pango.
  static std::optional<BreakClass> ClassOf(char32_t code_point);

  // Whether a line may begin at character `i` > 0 of a text with `classes`.
  bool CanBreakBefore(std::span<const BreakClass> classes, size_t i) const;

 private:
  enum class Answer : uint8_t { kNo, kYes, kUnlessNumberEnds, kUnlessNumberFollows };
  using Pairs = std::array<std::array<Answer, kNumBreakClasses>, kNumBreakClasses>;

  Pairs adjacent_;  // [class before][class after]
  Pairs spaced_;    // the same with spaces between
};

}  // namespace glyph::render
