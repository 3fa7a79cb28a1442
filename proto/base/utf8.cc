#include "proto/base/utf8.h"

#include <cstring>

namespace glyph::base {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Sequence {
  size_t length;    // bytes of the character, or of the maximal invalid subpart
  bool valid;       // a whole character
  bool unfinished;  // invalid only because the text ends
};

// Reads the sequence at `at` after table 3-7 of the Unicode standard.
Sequence Read(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return {1, true, false};
  if (lead < 0xC2 || lead > 0xF4) return {1, false, false};
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  unsigned char low = 0x80, high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  for (size_t i = 1; i < length; ++i) {
    if (at + i == text.size()) return {i, false, true};
    if (byte(at + i) < low || byte(at + i) > high) return {i, false, false};
    low = 0x80, high = 0xBF;
  }
  return {length, true, false};
}

// Whether the 8 bytes at `at` are ASCII.
bool IsAscii(std::string_view text, size_t at) {
  uint64_t bytes = 0;
  if (text.size() - at < sizeof(bytes)) return false;
  std::memcpy(&bytes, text.data() + at, sizeof(bytes));
  return (bytes & 0x8080808080808080) == 0;
}

// Whether a character of three bytes begins at `at` whose lead byte leaves the others free.
bool IsCommonThreeBytes(std::string_view text, size_t at) {
  if (text.size() - at < 3) return false;
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  return byte(0) > 0xE0 && byte(0) < 0xED && (byte(1) & 0xC0) == 0x80 && (byte(2) & 0xC0) == 0x80;
}

}  // namespace

size_t ValidUtf8Prefix(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    if (IsAscii(text, at)) {
      at += sizeof(uint64_t);
      continue;
    }
    if (IsCommonThreeBytes(text, at)) {
      at += 3;
      continue;
    }
    const Sequence sequence = Read(text, at);
    if (!sequence.valid) break;
    at += sequence.length;
  }
  return at;
}

uint64_t CountCharacters(std::string_view text) {
  uint64_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

std::string ReplaceInvalidUtf8(std::string_view text, uint64_t& replaced_bytes) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const Sequence sequence = Read(text, at);
    if (sequence.valid) {
      out.append(text, at, sequence.length);
    } else {
      out.append(kReplacement);
      replaced_bytes += sequence.length;
    }
    at += sequence.length;
  }
  return out;
}

size_t UnfinishedSuffix(std::string_view text) {
  for (size_t length = 1; length <= 3 && length <= text.size(); ++length) {
    const size_t at = text.size() - length;
    if ((static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) continue;  // inside a character
    const Sequence sequence = Read(text, at);
    return sequence.unfinished && sequence.length == length ? length : 0;
  }
  return 0;
}

}  // namespace glyph::base
