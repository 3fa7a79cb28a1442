#pragma once
#include <cstdint>
#include <random>
#include <string>

namespace glyph::render {

// How many random documents a test lays out: GLYPH_RANDOM_DOCUMENTS, or 300.
int NumRandomDocuments();

// Documents of everything that layout tells apart: words, Chinese, Japanese and Korean with their
// punctuation, numbers, URLs, quotes, hyphens, white space of all kinds, long words, and, on some
// lines only, marks, controls, emoji and scripts that need shaping. Some have headings, lists,
// quotes, code and tables.
class RandomText {
 public:
  explicit RandomText(uint32_t seed) : random_(seed) {}

  std::string Document();

 private:
  enum class Kind { kPlain, kWide, kMixed, kComplex };

  std::string Line(Kind kind);
  std::string Word(Kind kind);
  uint32_t Below(uint32_t limit) { return static_cast<uint32_t>(random_() % limit); }
  char32_t Between(char32_t first, char32_t last) { return first + Below(last - first + 1); }
  template <size_t kCount>
  std::string OneOf(const char* const (&choices)[kCount]) {
    return choices[Below(kCount)];
  }

  std::mt19937 random_;
};

}  // namespace glyph::render
