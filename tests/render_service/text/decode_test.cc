#include "render_service/text/decode.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "proto/base/utf8.h"

namespace glyph::render {
namespace {

struct Decoded {
  std::u32string text;
  size_t replaced_bytes = 0;
};

Decoded DecodeAll(std::string_view text) {
  Decoded decoded;
  for (size_t i = 0; i < text.size();) {
    const DecodedCharacter character = DecodeAt(text, i);
    decoded.text += character.code_point;
    if (!character.valid) decoded.replaced_bytes += character.length;
    i += character.length;
  }
  return decoded;
}

TEST(DecodeTest, ReadsCharactersOfEveryLength) {
  EXPECT_EQ(DecodeAll("a\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80").text, U"a\u00E9\u4E2D\U0001F600");
}

TEST(DecodeTest, ReplacesAMaximalInvalidSubpartByOneCharacter) {
  const Decoded decoded = DecodeAll("\xF0\x9F\x98z\xED\xA0\x80\xC0\x80\xE4\xB8");
  EXPECT_EQ(decoded.text, U"\uFFFDz\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(decoded.replaced_bytes, 10u);
}

TEST(DecodeTest, AgreesWithTheSharedDecoderOnRandomBytes) {
  std::mt19937 random(7);
  const std::string alphabet = "a\x80\xBF\xC2\xC3\xE0\xE4\xED\xEF\xF0\xF4\xF5\x9F\xA0\x8F\x90";
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (size_t i = random() % 8; i > 0; --i) text += alphabet[random() % alphabet.size()];
    uint64_t replaced = 0;
    const std::string expected = base::ReplaceInvalidUtf8(text, replaced);
    const Decoded decoded = DecodeAll(text);
    ASSERT_EQ(decoded.text, DecodeAll(expected).text);
    ASSERT_EQ(decoded.replaced_bytes, replaced);
  }
}

}  // namespace
}  // namespace glyph::render
