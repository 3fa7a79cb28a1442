#include "proto/base/utf8.h"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace glyph::base {
namespace {

constexpr uint32_t kLastCodePoint = 0x10FFFF;
const std::string kReplacement = "\xEF\xBF\xBD";

bool IsScalar(uint32_t code_point) {
  return code_point <= kLastCodePoint && (code_point < 0xD800 || code_point > 0xDFFF);
}

// The reference: encodes by RFC 3629, section 3. Everything else here is checked against it.
std::string Encode(uint32_t c) {
  const auto tail = [c](int shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xC0 | (c >> 6)), tail(0)};
  if (c < 0x10000) return {static_cast<char>(0xE0 | (c >> 12)), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | (c >> 18)), tail(12), tail(6), tail(0)};
}

// Every proper prefix of every multi-byte character.
const std::set<std::string>& UnfinishedCharacters() {
  static const auto* const prefixes = [] {
    auto* set = new std::set<std::string>;
    for (uint32_t c = 0x80; c <= kLastCodePoint; ++c) {
      if (!IsScalar(c)) continue;
      const std::string bytes = Encode(c);
      for (size_t length = 1; length < bytes.size(); ++length) set->insert(bytes.substr(0, length));
    }
    return set;
  }();
  return *prefixes;
}

TEST(Utf8Test, AcceptsEveryScalarValueAndCountsIt) {
  std::string all;
  uint64_t count = 0;
  for (uint32_t c = 0; c <= kLastCodePoint; ++c) {
    if (!IsScalar(c)) continue;
    const std::string bytes = Encode(c);
    ASSERT_EQ(ValidUtf8Prefix(bytes), bytes.size()) << c;
    all += bytes;
    ++count;
  }
  EXPECT_EQ(ValidUtf8Prefix(all), all.size());
  EXPECT_EQ(CountCharacters(all), count);
}

TEST(Utf8Test, RefusesEveryOtherSequenceOfTwoAndThreeBytes) {
  // Pads an invalid beginning with what would continue it: no sequence of these lengths may pass
  // unless it is the encoding of a scalar value.
  uint32_t accepted = 0;
  for (int lead = 0x80; lead < 0x100; ++lead) {
    for (int second = 0; second < 0x100; ++second) {
      const std::string two = {static_cast<char>(lead), static_cast<char>(second)};
      accepted += ValidUtf8Prefix(two) == 2;
      for (int third = 0; third < 0x100; ++third) {
        const std::string three = {static_cast<char>(lead), static_cast<char>(second),
                                   static_cast<char>(third)};
        // A character of two bytes before an ASCII byte is not one of three.
        accepted += ValidUtf8Prefix(three) == 3 && ValidUtf8Prefix(two) != 2;
      }
    }
  }
  EXPECT_EQ(accepted, (0x800 - 0x80) + (0x10000 - 0x800 - 0x800));
}

TEST(Utf8Test, AcceptsOfFourBytesExactlyTheSupplementaryPlanes) {
  const int edges[] = {0x00, 0x7F, 0x80, 0x81, 0xBE, 0xBF, 0xC0, 0xFF};
  for (int lead = 0xE0; lead < 0x100; ++lead) {
    for (int second = 0; second < 0x100; ++second) {
      for (const int third : edges) {
        for (const int fourth : edges) {
          const std::string bytes = {static_cast<char>(lead), static_cast<char>(second),
                                     static_cast<char>(third), static_cast<char>(fourth)};
          const uint32_t value =
              (lead & 7) << 18 | (second & 0x3F) << 12 | (third & 0x3F) << 6 | (fourth & 0x3F);
          const bool expected =
              value >= 0x10000 && value <= kLastCodePoint && Encode(value) == bytes;
          const bool three_bytes_first = ValidUtf8Prefix(bytes.substr(0, 3)) == 3;
          ASSERT_EQ(!three_bytes_first && ValidUtf8Prefix(bytes) == 4, expected)
              << std::hex << lead << ' ' << second << ' ' << third << ' ' << fourth;
        }
      }
    }
  }
}

struct InvalidCase {
  std::string bytes;
  size_t offset;
};

TEST(Utf8Test, TellsTheOffsetOfTheFirstInvalidSequence) {
  const std::vector<InvalidCase> cases = {
      {"\x80", 0},          {"ab\xC0\x80", 2},        {"\xC1\xBF", 0},
      {"a\xED\xA0\x80", 1}, {"\xED\xBF\xBF", 0},      {"\xF4\x90\x80\x80", 0},
      {"\xF5\x80", 0},      {"\xC3\xA9\xE2\x82", 2},  {"\xE0\x9F\xBF", 0},
      {"\xFF", 0},          {"\xF0\x8F\xBF\xBF", 0},  {"\xC3(", 0},
      {"\xE2\x82(", 0},     {"ok\xF0\x9F\x98(ok", 2},
  };
  for (const InvalidCase& test : cases) {
    EXPECT_EQ(ValidUtf8Prefix(test.bytes), test.offset) << testing::PrintToString(test.bytes);
  }
}

TEST(Utf8Test, ReplacesMaximalSubpartsAsTheUnicodeStandardShows) {
  const auto times = [](int count) {
    std::string out;
    for (int i = 0; i < count; ++i) out += kReplacement;
    return out;
  };
  struct Row {
    std::string bytes, expected;
    uint64_t replaced_bytes;
  };
  // Unicode 15, section 3.9, tables 3-8 to 3-11.
  const std::vector<Row> rows = {
      {"\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", times(8) + "A", 8},
      {"\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", times(8) + "A", 8},
      {"\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", times(5) + "A" + times(2) + "B", 7},
      {"\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", times(4) + "A", 8},
      {"caf\xC3\xA9", "caf\xC3\xA9", 0},
      {"", "", 0},
  };
  for (const Row& row : rows) {
    uint64_t replaced = 100;
    EXPECT_EQ(ReplaceInvalidUtf8(row.bytes, replaced), row.expected);
    EXPECT_EQ(replaced, 100 + row.replaced_bytes) << "adds to what is there";
  }
}

TEST(Utf8Test, FindsAnUnfinishedCharacterAtTheEndAndNothingElse) {
  for (const std::string& unfinished : UnfinishedCharacters()) {
    ASSERT_EQ(UnfinishedSuffix(unfinished), unfinished.size());
    ASSERT_EQ(UnfinishedSuffix("\xE2\x82\xAC" + unfinished), unfinished.size());
  }
  for (uint32_t c = 0; c <= kLastCodePoint; ++c) {
    if (!IsScalar(c)) continue;
    ASSERT_EQ(UnfinishedSuffix(Encode(c)), 0u) << c;
  }
  EXPECT_EQ(UnfinishedSuffix(""), 0u);
}

TEST(Utf8Test, DoesNotCallAnInvalidEndUnfinished) {
  for (int lead = 0x80; lead < 0x100; ++lead) {
    const std::string one = {static_cast<char>(lead)};
    ASSERT_EQ(UnfinishedSuffix(one), UnfinishedCharacters().count(one)) << lead;
    for (int second = 0x80; second < 0xC0; ++second) {
      const std::string two = {static_cast<char>(lead), static_cast<char>(second)};
      ASSERT_EQ(UnfinishedSuffix(two), 2 * UnfinishedCharacters().count(two)) << lead;
      const std::string three = two + '\x80';
      ASSERT_EQ(UnfinishedSuffix(three), 3 * UnfinishedCharacters().count(three)) << lead;
    }
  }
}

}  // namespace
}  // namespace glyph::base
