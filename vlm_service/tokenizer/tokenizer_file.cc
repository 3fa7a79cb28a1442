#include "vlm_service/tokenizer/tokenizer_file.h"

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "proto/base/json.h"
#include "proto/rpc/error.h"
#include "vlm_service/tokenizer/byte_level.h"
#include "vlm_service/tokenizer/json_fields.h"
#include "vlm_service/tokenizer/vocabulary.h"

namespace glyph::vlm {
namespace {

using Json = nlohmann::json;

absl::Status InField(const char* field, const absl::Status& status) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", status.message()));
}

absl::StatusOr<AddedToken> ParseAddedToken(const Json& json) {
  AddedToken token;
  GLYPH_ASSIGN_OR_RETURN(token.content, StringField(json, "content"));
  if (token.content.empty()) return absl::InvalidArgumentError("a token has no content");
  GLYPH_ASSIGN_OR_RETURN(const Json* id, Field(json, "id"));
  GLYPH_ASSIGN_OR_RETURN(token.id, TokenId(*id, token.content));
  GLYPH_ASSIGN_OR_RETURN(token.single_word, BoolField(json, "single_word", false));
  GLYPH_ASSIGN_OR_RETURN(token.lstrip, BoolField(json, "lstrip", false));
  GLYPH_ASSIGN_OR_RETURN(token.rstrip, BoolField(json, "rstrip", false));
  GLYPH_ASSIGN_OR_RETURN(token.normalized, BoolField(json, "normalized", true));
  GLYPH_ASSIGN_OR_RETURN(token.special, BoolField(json, "special", false));
  return token;
}

// New tokens take the ids after the vocabulary's, in the order of the file.
absl::StatusOr<std::vector<AddedToken>> ParseAddedTokens(const Json& json,
                                                         const Vocabulary& vocabulary) {
  if (!json.is_array()) return absl::InvalidArgumentError("is not an array");
  std::vector<AddedToken> tokens;
  std::unordered_map<std::string, int32_t> seen;
  int32_t next_id = vocabulary.num_tokens();
  for (const Json& item : json) {
    GLYPH_ASSIGN_OR_RETURN(AddedToken token, ParseAddedToken(item));
    if (!seen.emplace(token.content, token.id).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("token ", QuoteToken(token.content), " occurs twice"));
    }
    const auto known = vocabulary.Find(token.content);
    const int32_t expected = known ? *known : next_id++;
    if (token.id != expected) {
      return absl::InvalidArgumentError(absl::StrCat("token ", QuoteToken(token.content),
                                                     " has the id ", token.id, "; expected ",
                                                     expected, ", for ids have no gaps"));
    }
    tokens.push_back(std::move(token));
  }
  return tokens;
}

// A vocabulary may list added tokens too, but byte-pair encoding must not be able to reach them.
absl::Status CheckUnreachable(const std::vector<AddedToken>& added, const BpeModel::Parts& model) {
  std::vector<bool> reachable;
  const auto mark = [&](int32_t id) {
    if (static_cast<size_t>(id) >= reachable.size()) reachable.resize(id + size_t{1});
    reachable[id] = true;
  };
  for (const int32_t id : model.byte_tokens) mark(id);
  for (const MergeRule& merge : model.merges) mark(merge.result);
  for (const auto& [word, id] : model.whole_words) mark(id);
  for (const AddedToken& token : added) {
    if (static_cast<size_t>(token.id) < reachable.size() && reachable[token.id]) {
      return absl::InvalidArgumentError(
          absl::StrCat("token ", QuoteToken(token.content),
                       " is also made by the merges, so that plain text could become it"));
    }
  }
  return absl::OkStatus();
}

std::vector<std::string> TokenBytesById(const Vocabulary& vocabulary,
                                        const std::vector<AddedToken>& added) {
  std::vector<std::string> bytes(vocabulary.num_tokens());
  for (const auto& [token, id] : vocabulary.ids()) {
    bytes[id] = BytesOfToken(token).value_or(token);
  }
  for (const AddedToken& token : added) {
    if (static_cast<size_t>(token.id) >= bytes.size()) bytes.emplace_back();
    bytes[token.id] = BytesOfToken(token.content).value_or(token.content);
  }
  return bytes;
}

// Steps that would change text before or after the model: absent, or as byte-level BPE has them.
absl::Status CheckNormalizerAndDecoder(const Json& file) {
  const auto normalizer = file.find("normalizer");
  if (normalizer != file.end() && !normalizer->is_null()) {
    GLYPH_ASSIGN_OR_RETURN(const std::string type, StringField(*normalizer, "type"));
    return absl::InvalidArgumentError(
        absl::StrCat("the normalizer ", QuoteToken(type), " is not supported; expected null"));
  }
  GLYPH_ASSIGN_OR_RETURN(const Json* decoder, Field(file, "decoder"));
  if (decoder->is_null()) return absl::InvalidArgumentError("decoder is null, not ByteLevel");
  GLYPH_ASSIGN_OR_RETURN(const std::string type, StringField(*decoder, "type"));
  if (type == "ByteLevel") return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the decoder ", QuoteToken(type), " is not supported; ByteLevel is"));
}

}  // namespace

absl::StatusOr<TokenizerParts> ParseTokenizerFile(std::string_view text) {
  GLYPH_ASSIGN_OR_RETURN(const Json file,
                         base::ParseJson(text, {.max_bytes = kMaxTokenizerFileBytes}));
  GLYPH_ASSIGN_OR_RETURN(const Json* pre_tokenizer_json, Field(file, "pre_tokenizer"));
  auto pre_tokenizer = PreTokenizer::FromJson(*pre_tokenizer_json);
  if (!pre_tokenizer.ok()) return InField("pre_tokenizer", pre_tokenizer.status());
  GLYPH_RETURN_IF_ERROR(CheckNormalizerAndDecoder(file));

  GLYPH_ASSIGN_OR_RETURN(const Json* model_json, Field(file, "model"));
  auto vocabulary = Vocabulary::FromJson(*model_json);
  if (!vocabulary.ok()) return InField("model", vocabulary.status());
  auto model = ParseBpeModel(*model_json, *vocabulary);
  if (!model.ok()) return InField("model", model.status());

  GLYPH_ASSIGN_OR_RETURN(const Json* added_json, Field(file, "added_tokens"));
  auto added = ParseAddedTokens(*added_json, *vocabulary);
  if (!added.ok()) return InField("added_tokens", added.status());
  if (absl::Status status = CheckUnreachable(*added, *model); !status.ok()) {
    return InField("added_tokens", status);
  }
  std::vector<std::string> token_bytes = TokenBytesById(*vocabulary, *added);
  return TokenizerParts{AddedTokens(*std::move(added)), *std::move(pre_tokenizer),
                        BpeModel(*std::move(model)), std::move(token_bytes)};
}

}  // namespace glyph::vlm
