#include "vlm_service/tokenizer/code_points.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace glyph::vlm {
namespace {

struct ClassRange {
  uint32_t first;
  uint32_t last;
  uint8_t classes;
};

// Sorted, disjoint; made by tests/reference/tokenizer/make_class_ranges.py.
constexpr ClassRange kRanges[] = {
#include "vlm_service/tokenizer/class_ranges.inc"
};

uint8_t FindClasses(uint32_t code_point) {
  const auto* range = std::upper_bound(
      std::begin(kRanges), std::end(kRanges), code_point,
      [](uint32_t value, const ClassRange& candidate) { return value < candidate.first; });
  if (range == std::begin(kRanges)) return 0;
  --range;
  return code_point <= range->last ? range->classes : 0;
}

constexpr auto kAsciiClasses = [] {
  std::array<uint8_t, 128> classes = {};
  for (const ClassRange& range : kRanges) {
    for (uint32_t value = range.first; value <= range.last && value < 128; ++value) {
      classes[value] = range.classes;
    }
  }
  return classes;
}();

// Bytes of a sequence by its first byte, and the smallest value a sequence of that length may hold.
constexpr uint32_t kSmallestOfLength[] = {0, 0, 0x80, 0x800, 0x10000};

size_t SequenceLength(uint8_t first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (first >= 0xE0 && first <= 0xEF) return 3;
  if (first >= 0xF0 && first <= 0xF4) return 4;
  return 0;
}

}  // namespace

CodePoint DecodeCodePoint(std::string_view text, size_t position) {
  const auto first = static_cast<uint8_t>(text[position]);
  if (first < 0x80) return {first, 1};
  const size_t length = SequenceLength(first);
  if (length == 0 || length > text.size() - position) return {kInvalidByte, 1};
  uint32_t value = first & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<uint8_t>(text[position + i]);
    if ((byte & 0xC0) != 0x80) return {kInvalidByte, 1};
    value = value << 6 | (byte & 0x3F);
  }
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < kSmallestOfLength[length] || value > 0x10FFFF || surrogate) {
    return {kInvalidByte, 1};
  }
  return {value, length};
}

uint8_t ClassesOf(uint32_t code_point) {
  return code_point < 128 ? kAsciiClasses[code_point] : FindClasses(code_point);
}

}  // namespace glyph::vlm
