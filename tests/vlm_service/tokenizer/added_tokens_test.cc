#include "vlm_service/tokenizer/added_tokens.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

using ::testing::ElementsAre;

constexpr int32_t kId = 300;

AddedToken Token(const std::string& content) {
  AddedToken token;
  token.id = kId;
  token.content = content;
  return token;
}

// Pieces with added tokens in brackets.
std::vector<std::string> Split(const AddedTokens& tokens, std::string_view text) {
  std::vector<std::string> pieces;
  for (const AddedTokens::Piece& piece : tokens.Split(text)) {
    const std::string content(piece.text);
    pieces.push_back(piece.id ? "[" + content + "]" : content);
  }
  return pieces;
}

TEST(AddedTokens, TakesTheLongestAtTheLeftmostPlace) {
  std::vector<AddedToken> tokens = {Token("<a>"), Token("<a><b>"), Token("b><")};
  tokens[1].id = kId + 1;
  tokens[2].id = kId + 2;
  const AddedTokens added(tokens);

  EXPECT_THAT(Split(added, "x<a><b>y<a>"), ElementsAre("x", "[<a><b>]", "y", "[<a>]"));
  EXPECT_THAT(Split(added, "<a<a>"), ElementsAre("<a", "[<a>]"));
  EXPECT_THAT(Split(added, "<b><a>"), ElementsAre("<", "[b><]", "a>"));
  EXPECT_TRUE(Split(added, "").empty());
}

TEST(AddedTokens, StripsWhiteSpaceOnTheSidesAskedFor) {
  AddedToken left = Token("<l>");
  left.lstrip = true;
  AddedToken right = Token("<r>");
  right.id = kId + 1;
  right.rstrip = true;
  const AddedTokens added({left, right});

  EXPECT_THAT(Split(added, "a \u3000<l> b"), ElementsAre("a", "[ \u3000<l>]", " b"));
  EXPECT_THAT(Split(added, "a <r> \n\u00A0b"), ElementsAre("a ", "[<r> \n\u00A0]", "b"));
  EXPECT_THAT(Split(added, "<r>  <l>"), ElementsAre("[<r>  ]", "[<l>]"));
}

TEST(AddedTokens, SingleWordsStandBetweenOtherCharacters) {
  AddedToken word = Token("cat");
  word.single_word = true;
  const AddedTokens added({word});

  EXPECT_THAT(Split(added, "cat, cat"), ElementsAre("[cat]", ", ", "[cat]"));
  EXPECT_THAT(Split(added, "cats _cat \u4F60cat"), ElementsAre("cats _cat \u4F60cat"));
}

TEST(AddedTokens, NormalizedOnesComeSecond) {
  AddedToken first = Token("bc");
  AddedToken second = Token("abc");
  second.id = kId + 1;
  second.normalized = true;
  const AddedTokens added({first, second});

  EXPECT_THAT(Split(added, "abc"), ElementsAre("a", "[bc]"));
}

TEST(AddedTokens, FindsIdsAndSpecials) {
  AddedToken special = Token("<s>");
  special.special = true;
  AddedToken plain = Token("<p>");
  plain.id = kId + 1;
  const AddedTokens added({special, plain});

  EXPECT_EQ(added.IdOf("<p>"), kId + 1);
  EXPECT_EQ(added.IdOf("<q>"), std::nullopt);
  EXPECT_TRUE(added.IsSpecial(kId));
  EXPECT_FALSE(added.IsSpecial(kId + 1));
  EXPECT_FALSE(added.IsSpecial(0));
}

}  // namespace
}  // namespace glyph::vlm
