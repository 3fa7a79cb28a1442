#include "vlm_service/tokenizer/tokenizer.h"

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/vlm_service/tokenizer/tokenizer_json.h"
#include "vlm_service/tokenizer/known_patterns.h"

namespace glyph::vlm {
namespace {

using ::testing::ElementsAre;

using Json = nlohmann::json;

constexpr char kNano[] = "deploy/models/nano";
constexpr int32_t kNanoFirstAdded = 256;
constexpr int32_t kNanoNumTokens = 276;

const Tokenizer& Nano() {
  static const auto* const tokenizer = [] {
    auto loaded = Tokenizer::Load(kNano);
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    return loaded->release();
  }();
  return *tokenizer;
}

std::vector<std::string> NanoAddedContents() {
  std::vector<std::string> contents;
  for (int32_t id = kNanoFirstAdded; id < kNanoNumTokens; ++id) {
    contents.push_back(Nano().Decode(std::vector<int32_t>{id}, /*skip_special=*/false));
  }
  return contents;
}

void ExpectPlainText(const std::string& text) {
  const std::vector<int32_t> ids = Nano().EncodeText(text);
  for (const int32_t id : ids) ASSERT_LT(id, kNanoFirstAdded) << text;
  ASSERT_EQ(Nano().Decode(ids, /*skip_special=*/true), text);
}

TEST(Tokenizer, ReadsNano) {
  EXPECT_EQ(Nano().num_tokens(), kNanoNumTokens);
  EXPECT_EQ(Nano().AddedTokenId("<|image|>"), 270);
  EXPECT_EQ(Nano().AddedTokenId("<|nothing|>"), std::nullopt);
  EXPECT_THAT(Nano().EncodeText("Hi"), ElementsAre(72, 105));
  EXPECT_THAT(Nano().EncodeWithAddedTokens("[gMASK]<sop>H"), ElementsAre(258, 260, 72));
}

TEST(Tokenizer, PlainTextNeverBecomesAnAddedToken) {
  const std::vector<std::string> contents = NanoAddedContents();
  ASSERT_EQ(contents.size(), 20u);
  for (const std::string& first : contents) {
    ExpectPlainText(first);
    ExpectPlainText(absl::StrCat("x", first, " y"));
    for (const std::string& second : contents) {
      ExpectPlainText(first + second);
      ExpectPlainText(first.substr(0, first.size() / 2) + second + first.substr(first.size() / 2));
    }
  }
}

TEST(Tokenizer, EncodingKeepsEveryByte) {
  std::mt19937 random(2);
  Json file = ByteTokenizerJson();
  AddMerge(file, "a", "b");
  AddMerge(file, "\u0120", "ab");
  file["pre_tokenizer"] = SplitBy(std::string(kGpt4Pattern));
  const Tokenizer tokenizer = MakeTokenizer(file);
  for (int i = 0; i < 1000; ++i) {
    std::string bytes;
    for (size_t length = random() % 40; length > 0; --length) {
      bytes.push_back("ab \n\xC3\xA9\xFF"[random() % 7]);
    }
    std::string joined;
    for (const int32_t id : tokenizer.EncodeText(bytes)) joined += tokenizer.TokenBytes(id);
    ASSERT_EQ(joined, bytes);
  }
}

TEST(Tokenizer, MergesNeverCrossWords) {
  Json file = ByteTokenizerJson();
  AddMerge(file, "b", "\u0120");
  AddMerge(file, "\u0120", "c");
  file["pre_tokenizer"] = SplitBy(std::string(kGpt4Pattern));
  const Tokenizer tokenizer = MakeTokenizer(file);

  EXPECT_THAT(BytesOf(tokenizer, tokenizer.EncodeText("ab c")), ElementsAre("a", "b", " c"));
}

TEST(Tokenizer, PrefixSpaceGoesBeforeEachPieceWithoutOne) {
  Json file = ByteTokenizerJson();
  AddToken(file, "<s>");
  file["pre_tokenizer"]["add_prefix_space"] = true;
  const Tokenizer tokenizer = MakeTokenizer(file);

  EXPECT_THAT(BytesOf(tokenizer, tokenizer.EncodeText("a")), ElementsAre(" ", "a"));
  EXPECT_THAT(BytesOf(tokenizer, tokenizer.EncodeText(" a")), ElementsAre(" ", "a"));
  EXPECT_THAT(BytesOf(tokenizer, tokenizer.EncodeWithAddedTokens("a<s>b")),
              ElementsAre(" ", "a", "", " ", "b"));
  EXPECT_TRUE(tokenizer.EncodeText("").empty());
}

TEST(Tokenizer, RemovedPiecesVanish) {
  Json file = ByteTokenizerJson();
  file["pre_tokenizer"] = SplitBy("[0-9]", "Removed");
  EXPECT_THAT(BytesOf(MakeTokenizer(file), MakeTokenizer(file).EncodeText("a1b")),
              ElementsAre("a", "b"));
}

TEST(Tokenizer, DecodesBytesThatAreNoTextAsReplacementCharacters) {
  const std::vector<int32_t> e_acute = Nano().EncodeText("\u00E9");
  ASSERT_EQ(e_acute.size(), 2u);
  EXPECT_EQ(Nano().Decode(e_acute, true), "\u00E9");
  EXPECT_EQ(Nano().Decode(std::vector<int32_t>{e_acute[0]}, true), "\uFFFD");
  EXPECT_EQ(Nano().Decode(std::vector<int32_t>{e_acute[1], 72}, true), "\uFFFDH");
}

TEST(Tokenizer, SpecialTokensAreShownOnlyWhenAskedForAndUnknownIdsNever) {
  const std::vector<int32_t> ids = {263, 72, -1, kNanoNumTokens, 1 << 30};
  EXPECT_EQ(Nano().Decode(ids, /*skip_special=*/false), "<|user|>H");
  EXPECT_EQ(Nano().Decode(ids, /*skip_special=*/true), "H");
  EXPECT_EQ(Nano().TokenBytes(72), "H");
  for (const int32_t id : {263, -1, kNanoNumTokens}) EXPECT_EQ(Nano().TokenBytes(id), "");
}

TEST(Tokenizer, AddedTokensThatAreNotSpecialAreText) {
  Json file = ByteTokenizerJson();
  AddToken(file, "a b", {{"special", false}});
  const Tokenizer tokenizer = MakeTokenizer(file);

  EXPECT_EQ(tokenizer.TokenBytes(256), "a b");
  EXPECT_EQ(tokenizer.Decode(std::vector<int32_t>{256}, /*skip_special=*/true), "a b");
}

TEST(Tokenizer, AFolderWithoutAFileIsNamed) {
  const auto tokenizer = Tokenizer::Load(testing::TempDir());
  EXPECT_EQ(tokenizer.status().code(), absl::StatusCode::kNotFound);
}

TEST(Tokenizer, IsSharedByThreads) {
  const std::string text = "Which KEY?\n<|image|> \u4F60\u597D";
  const std::vector<int32_t> expected = Nano().EncodeText(text);
  std::vector<std::thread> threads;
  std::atomic<int> num_equal = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        const std::vector<int32_t> ids = Nano().EncodeText(text);
        num_equal += ids == expected && Nano().Decode(ids, true) == text;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(num_equal, 200);
}

// Families of text that have made tokenizers quadratic; quadratic work would end at the time limit.
TEST(Tokenizer, AdversarialTextTakesLinearTime) {
  constexpr size_t kBytes = size_t{1} << 17;
  Json file = ByteTokenizerJson();
  for (const char* pair : {"aa", "ab", "ba", "bb", "--", "00"}) {
    AddMerge(file, std::string(pair, 1), std::string(pair + 1));
  }
  AddMerge(file, "\u0120", "\u0120");
  AddMerge(file, "\u0120\u0120", "\u0120\u0120");
  AddToken(file, "<|image|>", {{"lstrip", true}, {"rstrip", true}, {"single_word", true}});
  file["pre_tokenizer"] = SplitBy(std::string(kGpt4Pattern));
  const Tokenizer tokenizer = MakeTokenizer(file);
  const char* const families[] = {"a",    "ab",        " ",        "\n",         " \n",
                                  "\r\n", "\t ",       "'",        "'s",         "' ",
                                  "0",    "0 ",        "-",        " -",         "-\n",
                                  "<",    "<|image|>", " <|image", "\u3000",     "\u0301",
                                  "\xFF", "\u4F60",    "\u200D",   "x<|image|>", "\U0001F600"};
  for (const std::string unit : families) {
    std::string text;
    while (text.size() < kBytes) text += unit;
    for (const char* tail : {"", "x"}) {
      const std::vector<int32_t> ids = tokenizer.EncodeWithAddedTokens(text + tail);
      EXPECT_GT(ids.size(), 0u) << unit;
      EXPECT_LE(ids.size(), text.size() + 1) << unit;
    }
  }
}

}  // namespace
}  // namespace glyph::vlm
