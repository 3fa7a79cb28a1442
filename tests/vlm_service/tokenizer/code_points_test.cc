#include "vlm_service/tokenizer/code_points.h"

#include <string>

#include "gtest/gtest.h"
#include "vlm_service/tokenizer/byte_level.h"

namespace glyph::vlm {
namespace {

TEST(CodePoints, DecodesEveryLength) {
  const std::string text = "a\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x98\x80";
  const std::pair<size_t, CodePoint> expected[] = {
      {0, {'a', 1}}, {1, {0xE9, 2}}, {3, {0x4F60, 3}}, {6, {0x1F600, 4}}};
  for (const auto& [position, code_point] : expected) {
    EXPECT_EQ(DecodeCodePoint(text, position).value, code_point.value);
    EXPECT_EQ(DecodeCodePoint(text, position).size_bytes, code_point.size_bytes);
  }
}

TEST(CodePoints, BytesOutsideValidUtf8StandAlone) {
  for (const char* text : {"\x80", "\xC0\x80", "\xC3", "\xC3z", "\xE0\x80\x80", "\xED\xA0\x80",
                           "\xF0\x9F\x98", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    EXPECT_EQ(DecodeCodePoint(text, 0).value, kInvalidByte);
    EXPECT_EQ(DecodeCodePoint(text, 0).size_bytes, 1u);
  }
}

TEST(CodePoints, KnowsTheClassesOfTheLibrary) {
  const std::pair<uint32_t, int> expected[] = {{'a', kLetter | kWord},
                                               {'7', kNumber | kWord},
                                               {'_', kWord},
                                               {' ', kSpace},
                                               {'\n', kSpace},
                                               {0x1C, 0},  // white space for Python only
                                               {0x85, kSpace},
                                               {0xA0, kSpace},
                                               {0xB2, kNumber},
                                               {0x301, kWord},  // a combining mark
                                               {0x180E, 0},     // was white space until Unicode 6.3
                                               {0x3000, kSpace},
                                               {0x4F60, kLetter | kWord},
                                               {0x1C89, kLetter | kWord},   // new in Unicode 16
                                               {0x10D40, kNumber | kWord},  // new in Unicode 16
                                               {0x1F600, 0},
                                               {0x10FFFF, 0},
                                               {kInvalidByte, 0}};
  for (const auto& [code_point, classes] : expected) {
    EXPECT_EQ(ClassesOf(code_point), classes) << std::hex << code_point;
  }
}

TEST(ByteLevel, MapsCharactersToBytes) {
  EXPECT_EQ(BytesOfToken("\u0120Hi!"), " Hi!");
  EXPECT_EQ(BytesOfToken("\u010A"), "\n");
  EXPECT_EQ(BytesOfToken("\u0100"), std::string(1, '\0'));
  EXPECT_EQ(BytesOfToken("\u00C3\u00A9"), "\u00E9");
  EXPECT_EQ(BytesOfToken("\u0143"), "\xAD");
  EXPECT_EQ(BytesOfToken(""), "");
}

TEST(ByteLevel, CharactersOutsideItsAlphabetHaveNoBytes) {
  for (const char* token : {" ", "a b", "\u00AD", "\u0144", "\u4F60", "\xFF"}) {
    EXPECT_EQ(BytesOfToken(token), std::nullopt) << token;
  }
}

}  // namespace
}  // namespace glyph::vlm
