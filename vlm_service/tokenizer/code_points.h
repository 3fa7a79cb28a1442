#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace glyph::vlm {

struct CodePoint {
  uint32_t value = 0;  // kInvalidByte for a byte that begins no character
  size_t size_bytes = 0;
};

// Stands for any byte that is not part of valid UTF-8; above all code points.
inline constexpr uint32_t kInvalidByte = 0x110000;

// The character that begins at text[position]; one byte of kInvalidByte when there is none.
// position < text.size().
CodePoint DecodeCodePoint(std::string_view text, size_t position);

// Classes the split patterns and the stripping rules of added tokens use.
enum CharClass : uint8_t {
  kLetter = 1,  // \p{L}
  kNumber = 2,  // \p{N}
  kSpace = 4,   // \s
  kWord = 8,    // \w, as Rust's regex crate has it
};

// Bits of CharClass; 0 for anything else. The tables are those of the `tokenizers` library
// (Unicode 16; ICU 72 and PCRE2 10.42 are older).
uint8_t ClassesOf(uint32_t code_point);

}  // namespace glyph::vlm
