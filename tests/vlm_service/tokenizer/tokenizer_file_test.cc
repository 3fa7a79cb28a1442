#include "vlm_service/tokenizer/tokenizer_file.h"

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/vlm_service/tokenizer/tokenizer_json.h"

namespace glyph::vlm {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

// A change to a good file, and what the error must say.
struct BadFile {
  std::function<void(Json&)> change;
  const char* message;
};

void ExpectRefused(const BadFile* begin, const BadFile* end) {
  for (const BadFile* bad = begin; bad != end; ++bad) {
    Json file = ByteTokenizerJson();
    AddMerge(file, "a", "b");
    AddToken(file, "<s>");
    bad->change(file);
    const auto parts = ParseTokenizerFile(file.dump());
    EXPECT_EQ(parts.status().code(), absl::StatusCode::kInvalidArgument) << bad->message;
    EXPECT_THAT(parts.status().ToString(), HasSubstr(bad->message));
  }
}

TEST(TokenizerFile, RefusesBadVocabularies) {
  const BadFile files[] = {
      {[](Json& file) { file["model"]["vocab"]["zz"] = 300; }, "'zz' has the id 300, but vocab"},
      {[](Json& file) { file["model"]["vocab"]["zz"] = 65; }, "share the id 65"},
      {[](Json& file) { file["model"]["vocab"]["zz"] = -1; }, "the id of token 'zz'"},
      {[](Json& file) { file["model"]["vocab"]["zz"] = 1.5; }, "the id of token 'zz'"},
      {[](Json& file) { file["model"]["vocab"]["zz"] = uint64_t{1} << 32; }, "of token 'zz'"},
      {[](Json& file) { file["model"]["vocab"]["zz"] = "1"; }, "the id of token 'zz'"},
      {[](Json& file) { file["model"]["vocab"] = Json::array(); }, "vocab is not an object"},
      {[](Json& file) { file["model"].erase("vocab"); }, "the field vocab is missing"},
      {[](Json& file) {
         file["model"]["vocab"]["A."] = file["model"]["vocab"]["A"];
         file["model"]["vocab"].erase("A");
       },
       "no token for the byte 0x41"},
  };
  ExpectRefused(std::begin(files), std::end(files));
}

TEST(TokenizerFile, RefusesBadMerges) {
  const BadFile files[] = {
      {[](Json& file) { file["model"]["merges"].push_back("a x y"); }, "merge 1 is not two tokens"},
      {[](Json& file) { file["model"]["merges"].push_back("ax"); }, "merge 1 is not two tokens"},
      {[](Json& file) { file["model"]["merges"].push_back({"a"}); }, "merge 1 is neither"},
      {[](Json& file) {
         file["model"]["merges"].push_back({"a", 1});
       },
       "merge 1 is neither"},
      {[](Json& file) { file["model"]["merges"].push_back(7); }, "merge 1 is neither"},
      {[](Json& file) { file["model"]["merges"].push_back("zz a"); }, "merge 1 needs 'zz'"},
      {[](Json& file) { file["model"]["merges"].push_back("a c"); }, "merge 1 needs 'ac'"},
      {[](Json& file) { file["model"]["merges"].push_back(" a"); }, "merge 1 has an empty part"},
      {[](Json& file) {
         file["model"]["merges"].push_back({"ab", ""});
       },
       "has an empty part"},
      {[](Json& file) { file["model"]["merges"].push_back("a b"); }, "merge 1 repeats"},
      {[](Json& file) { file["model"]["merges"] = "a b"; }, "merges is not an array"},
      {[](Json& file) { file["model"].erase("merges"); }, "the field merges is missing"},
  };
  ExpectRefused(std::begin(files), std::end(files));
}

TEST(TokenizerFile, RefusesBadAddedTokens) {
  const BadFile files[] = {
      {[](Json& file) {
         AddToken(file, "<t>", {{"id", 260}});
       },
       "has the id 260; expected 258"},
      {[](Json& file) { AddToken(file, "<s>"); }, "'<s>' occurs twice"},
      {[](Json& file) { AddToken(file, ""); }, "a token has no content"},
      {[](Json& file) {
         AddToken(file, "<t>", {{"lstrip", 1}});
       },
       "lstrip is number"},
      {[](Json& file) {
         AddToken(file, "<t>", {{"id", "x"}});
       },
       "the id of token '<t>'"},
      {[](Json& file) { file["added_tokens"].push_back(3); }, "expected an object"},
      {[](Json& file) { file["added_tokens"] = Json::object(); }, "added_tokens: is not an array"},
      {[](Json& file) { file.erase("added_tokens"); }, "the field added_tokens is missing"},
      {[](Json& file) {
         AddToken(file, "ab", {{"id", 256}});
       },
       "plain text could become it"},
      {[](Json& file) {
         AddToken(file, "a", {{"id", 97}});
       },
       "plain text could become it"},
      {[](Json& file) {
         file["model"]["ignore_merges"] = true;
         file["model"]["vocab"]["xyz"] = 257;
         file["added_tokens"] = Json::array();
         AddToken(file, "xyz", {{"id", 257}});
       },
       "plain text could become it"},
  };
  ExpectRefused(std::begin(files), std::end(files));
}

TEST(TokenizerFile, NamesWhatItDoesNotSupport) {
  const BadFile files[] = {
      {[](Json& file) {
         file["normalizer"] = {{"type", "NFC"}};
       },
       "the normalizer 'NFC'"},
      {[](Json& file) {
         file["decoder"] = {{"type", "Metaspace"}};
       },
       "the decoder 'Metaspace'"},
      {[](Json& file) { file["decoder"] = nullptr; }, "decoder is null"},
      {[](Json& file) { file["model"]["type"] = "Unigram"; }, "the type 'Unigram'"},
      {[](Json& file) { file["model"]["dropout"] = 0.1; }, "dropout"},
      {[](Json& file) { file["model"]["end_of_word_suffix"] = "</w>"; }, "end_of_word_suffix"},
      {[](Json& file) { file["model"]["continuing_subword_prefix"] = "##"; }, "continuing_subword"},
      {[](Json& file) { file["pre_tokenizer"] = nullptr; }, "pre_tokenizer: null"},
      {[](Json& file) { file["pre_tokenizer"]["type"] = "Whitespace"; }, "'Whitespace'"},
      {[](Json& file) { file["pre_tokenizer"]["use_regex"] = "yes"; }, "use_regex is string"},
      {[](Json& file) { file["pre_tokenizer"] = SplitBy("a", "Contiguous"); }, "'Contiguous'"},
      {[](Json& file) { file["pre_tokenizer"] = SplitBy("(a"); }, "does not compile"},
      {[](Json& file) {
         file["pre_tokenizer"] = SplitBy("a");
         file["pre_tokenizer"]["pretokenizers"].erase(1);
       },
       "there is no ByteLevel step"},
      {[](Json& file) {
         file["pre_tokenizer"] = SplitBy("a");
         std::swap(file["pre_tokenizer"]["pretokenizers"][0],
                   file["pre_tokenizer"]["pretokenizers"][1]);
       },
       "ByteLevel is not the last step"},
      {[](Json& file) {
         file["pre_tokenizer"] = SplitBy("a");
         file["pre_tokenizer"]["pretokenizers"][0]["pattern"] = {{"String", "a"}};
       },
       "the field Regex is missing"},
  };
  ExpectRefused(std::begin(files), std::end(files));
}

TEST(TokenizerFile, RefusesWhatIsNoTokenizerAtAll) {
  for (const char* text : {"", "{", "[]", "null", "{}", "{\"model\":{},\"model\":{}}"}) {
    EXPECT_EQ(ParseTokenizerFile(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  const std::string deep(100'000, '[');
  EXPECT_THAT(ParseTokenizerFile(deep).status().ToString(), HasSubstr("nested deeper"));
}

TEST(TokenizerFile, ReadsBothSpellingsOfMerges) {
  Json file = ByteTokenizerJson();
  AddMerge(file, "a", "b");
  const auto pairs = MakeTokenizer(file).EncodeText("ab");
  file["model"]["merges"] = {"#version: 0.2", "a b"};
  const auto strings = MakeTokenizer(file).EncodeText("ab");

  EXPECT_THAT(pairs, testing::ElementsAre(256));
  EXPECT_EQ(strings, pairs);
}

TEST(TokenizerFile, AddedTokensMayStandInTheVocabularyWhenNoMergeMakesThem) {
  Json file = ByteTokenizerJson();
  file["model"]["vocab"]["<s>"] = 256;
  AddToken(file, "<s>", {{"id", 256}});
  const Tokenizer tokenizer = MakeTokenizer(file);

  EXPECT_EQ(tokenizer.num_tokens(), 257);
  EXPECT_EQ(tokenizer.AddedTokenId("<s>"), 256);
  EXPECT_THAT(tokenizer.EncodeText("<s>"), testing::ElementsAre('<', 's', '>'));
}

}  // namespace
}  // namespace glyph::vlm
