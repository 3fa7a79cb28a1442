#include "vlm_service/tokenizer/bpe_model.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

// Bytes are their own tokens; merges come in order of rank.
BpeModel ModelOf(std::vector<MergeRule> merges) {
  BpeModel::Parts parts;
  for (int32_t byte = 0; byte < 256; ++byte) parts.byte_tokens[byte] = byte;
  parts.merges = std::move(merges);
  return BpeModel(std::move(parts));
}

std::vector<int32_t> Encode(const BpeModel& model, std::string_view word) {
  std::vector<int32_t> ids;
  model.Encode(word, ids);
  return ids;
}

TEST(BpeModel, WithoutMergesEveryByteIsAToken) {
  EXPECT_THAT(Encode(ModelOf({}), "a\xFF"), ElementsAre('a', 0xFF));
  EXPECT_TRUE(Encode(ModelOf({}), "").empty());
}

TEST(BpeModel, AppliesTheEarliestRuleFirstWhereverItFits) {
  const BpeModel model = ModelOf({{'b', 'c', 300}, {'a', 'b', 301}, {'a', 300, 302}});
  EXPECT_THAT(Encode(model, "abc"), ElementsAre(302));
  EXPECT_THAT(Encode(model, "abab"), ElementsAre(301, 301));
  EXPECT_THAT(Encode(model, "aabcb"), ElementsAre('a', 302, 'b'));
}

TEST(BpeModel, AppliesOneRuleFromLeftToRight) {
  const BpeModel model = ModelOf({{'a', 'a', 300}, {300, 300, 301}});
  EXPECT_THAT(Encode(model, "aaa"), ElementsAre(300, 'a'));
  EXPECT_THAT(Encode(model, "aaaaa"), ElementsAre(301, 'a'));
}

TEST(BpeModel, WholeWordsGoBeforeMerges) {
  BpeModel::Parts parts;
  for (int32_t byte = 0; byte < 256; ++byte) parts.byte_tokens[byte] = byte;
  parts.whole_words = {{"abc", 300}};
  const BpeModel model(std::move(parts));
  EXPECT_THAT(Encode(model, "abc"), ElementsAre(300));
  EXPECT_THAT(Encode(model, "abcd"), ElementsAre('a', 'b', 'c', 'd'));
}

// Quadratic work on words of this size would end at the time limit.
TEST(BpeModel, GiantWordsTakeNearlyLinearTime) {
  constexpr size_t kBytes = size_t{1} << 19;
  std::vector<MergeRule> doubling;  // a token for every power of two of 'a'
  int32_t token = 'a';
  for (int32_t id = 300; id < 310; ++id) {
    doubling.push_back({token, token, id});
    token = id;
  }
  EXPECT_THAT(Encode(ModelOf(doubling), std::string(kBytes, 'a')), Each(309));
  // Each merge makes the one to its right possible: "abbbb" grows by one 'b' at a time.
  std::vector<MergeRule> growing = {{'a', 'b', 300}, {300, 'b', 300}};
  EXPECT_THAT(Encode(ModelOf(growing), "a" + std::string(kBytes, 'b')), ElementsAre(300));
}

}  // namespace
}  // namespace glyph::vlm
