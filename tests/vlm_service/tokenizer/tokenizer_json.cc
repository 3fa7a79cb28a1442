#include "tests/vlm_service/tokenizer/tokenizer_json.h"

#include <utility>

#include "gtest/gtest.h"
#include "vlm_service/tokenizer/tokenizer_file.h"

namespace glyph::vlm {
namespace {

// The character GPT-2's alphabet writes `byte` with, in UTF-8.
std::string CharOfByte(uint32_t byte) {
  uint32_t shifted = 0;
  uint32_t code_point = byte;
  for (uint32_t other = 0; other <= byte; ++other) {
    const bool printable = (other >= '!' && other <= '~') || (other >= 0xA1 && other != 0xAD);
    if (!printable) code_point = other == byte ? 0x100 + shifted : code_point;
    if (!printable) ++shifted;
  }
  if (code_point < 0x80) return std::string(1, static_cast<char>(code_point));
  return {static_cast<char>(0xC0 | code_point >> 6), static_cast<char>(0x80 | (code_point & 0x3F))};
}

nlohmann::json ByteLevelJson() {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
}

}  // namespace

nlohmann::json ByteTokenizerJson() {
  nlohmann::json vocab;
  for (uint32_t byte = 0; byte < 256; ++byte) vocab[CharOfByte(byte)] = byte;
  return {{"version", "1.0"},
          {"added_tokens", nlohmann::json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer", ByteLevelJson()},
          {"decoder", ByteLevelJson()},
          {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", nlohmann::json::array()}}}};
}

void AddMerge(nlohmann::json& file, const std::string& left, const std::string& right) {
  nlohmann::json& model = file["model"];
  const size_t next_id = model["vocab"].size();
  model["vocab"].emplace(left + right, next_id);
  model["merges"].push_back({left, right});
}

void AddToken(nlohmann::json& file, const std::string& content, const nlohmann::json& flags) {
  nlohmann::json token = {{"id", file["model"]["vocab"].size() + file["added_tokens"].size()},
                          {"content", content},
                          {"special", true},
                          {"normalized", false}};
  token.update(flags);
  file["added_tokens"].push_back(token);
}

nlohmann::json SplitBy(const std::string& regex, const std::string& behavior) {
  const nlohmann::json split = {{"type", "Split"},
                                {"pattern", {{"Regex", regex}}},
                                {"behavior", behavior},
                                {"invert", false}};
  return {{"type", "Sequence"}, {"pretokenizers", {split, ByteLevelJson()}}};
}

Tokenizer MakeTokenizer(const nlohmann::json& file) {
  auto parts = ParseTokenizerFile(file.dump());
  EXPECT_TRUE(parts.ok()) << parts.status();
  return Tokenizer(*std::move(parts));
}

std::vector<std::string> BytesOf(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  std::vector<std::string> pieces;
  for (const int32_t id : ids) pieces.emplace_back(tokenizer.TokenBytes(id));
  return pieces;
}

}  // namespace glyph::vlm
