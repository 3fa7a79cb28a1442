#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace glyph::base {

// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.

// Bytes of `text` before its first invalid sequence; text.size() when all of it is valid.
size_t ValidUtf8Prefix(std::string_view text);

// Scalar values in `text`, which is valid UTF-8.
uint64_t CountCharacters(std::string_view text);

// Replaces each maximal invalid subpart by U+FFFD (Unicode 15, section 3.9). Adds the number of
// bytes replaced to `replaced_bytes`.
std::string ReplaceInvalidUtf8(std::string_view text, uint64_t& replaced_bytes);

// Bytes at the end of `text` that begin a character but do not finish it (0 to 3), when all before
// is valid. They may become a character with the bytes that follow.
size_t UnfinishedSuffix(std::string_view text);

}  // namespace glyph::base
