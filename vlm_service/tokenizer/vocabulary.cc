#include "vlm_service/tokenizer/vocabulary.h"

#include <string_view>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "proto/rpc/error.h"
#include "vlm_service/tokenizer/byte_level.h"
#include "vlm_service/tokenizer/json_fields.h"

namespace glyph::vlm {
namespace {

using Json = nlohmann::json;

struct TextPair {
  std::string left;
  std::string right;
};

absl::Status BadMerge(size_t rank, const std::string& problem) {
  return absl::InvalidArgumentError(absl::StrCat("merge ", rank, " ", problem));
}

absl::StatusOr<TextPair> ReadMerge(const Json& merge, size_t rank) {
  TextPair pair;
  if (merge.is_string()) {
    const auto& text = merge.get_ref<const std::string&>();
    const size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) {
      return BadMerge(rank, "is not two tokens with one space between them");
    }
    pair = {text.substr(0, space), text.substr(space + 1)};
  } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
             merge[1].is_string()) {
    pair = {merge[0].get<std::string>(), merge[1].get<std::string>()};
  } else {
    return BadMerge(rank, "is neither a string nor two strings");
  }
  // An empty part would give the other part again: a merge that never ends.
  if (pair.left.empty() || pair.right.empty()) return BadMerge(rank, "has an empty part");
  return pair;
}

absl::StatusOr<int32_t> FindPart(const Vocabulary& vocabulary, const std::string& token,
                                 size_t rank) {
  const auto id = vocabulary.Find(token);
  if (id) return *id;
  return BadMerge(rank, absl::StrCat("needs ", QuoteToken(token), ", which is not in vocab"));
}

bool IsVersionLine(const Json& merge) {
  return merge.is_string() && merge.get_ref<const std::string&>().starts_with("#version");
}

absl::StatusOr<std::vector<MergeRule>> ReadMerges(const Json& json, const Vocabulary& vocabulary) {
  if (!json.is_array()) return absl::InvalidArgumentError("merges is not an array");
  std::vector<MergeRule> merges;
  merges.reserve(json.size());
  std::unordered_set<uint64_t> pairs;
  for (const Json& item : json) {
    if (IsVersionLine(item)) continue;
    const size_t rank = merges.size();
    GLYPH_ASSIGN_OR_RETURN(const TextPair pair, ReadMerge(item, rank));
    MergeRule merge;
    GLYPH_ASSIGN_OR_RETURN(merge.left, FindPart(vocabulary, pair.left, rank));
    GLYPH_ASSIGN_OR_RETURN(merge.right, FindPart(vocabulary, pair.right, rank));
    GLYPH_ASSIGN_OR_RETURN(merge.result, FindPart(vocabulary, pair.left + pair.right, rank));
    const uint64_t key = uint64_t(merge.left) << 32 | uint64_t(merge.right);
    if (!pairs.insert(key).second) return BadMerge(rank, "repeats an earlier one");
    merges.push_back(merge);
  }
  return merges;
}

absl::Status CheckSwitches(const Json& model) {
  GLYPH_ASSIGN_OR_RETURN(const std::string type, StringField(model, "type"));
  if (type != "BPE") {
    return absl::InvalidArgumentError(
        absl::StrCat("the type ", QuoteToken(type), " is not supported; BPE is"));
  }
  const auto dropout = model.find("dropout");
  if (dropout != model.end() && !dropout->is_null() && *dropout != 0.0) {
    return absl::InvalidArgumentError("dropout is not supported; expected null");
  }
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const auto value = model.find(affix);
    if (value != model.end() && !value->is_null() && *value != "") {
      return absl::InvalidArgumentError(absl::StrCat(affix, " is not supported; expected null"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::array<int32_t, 256>> FindByteTokens(const Vocabulary& vocabulary) {
  std::array<int32_t, 256> tokens = {};
  tokens.fill(-1);
  for (const auto& [token, id] : vocabulary.ids()) {
    const auto bytes = BytesOfToken(token);
    if (bytes && bytes->size() == 1) tokens[static_cast<uint8_t>((*bytes)[0])] = id;
  }
  for (size_t byte = 0; byte < tokens.size(); ++byte) {
    if (tokens[byte] < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("vocab has no token for the byte 0x", absl::Hex(byte, absl::kZeroPad2)));
    }
  }
  return tokens;
}

}  // namespace

absl::StatusOr<Vocabulary> Vocabulary::FromJson(const Json& model) {
  GLYPH_ASSIGN_OR_RETURN(const Json* vocab, Field(model, "vocab"));
  if (!vocab->is_object()) return absl::InvalidArgumentError("vocab is not an object");
  std::unordered_map<std::string, int32_t> ids;
  ids.reserve(vocab->size());
  std::vector<const std::string*> owners(vocab->size());
  for (auto item = vocab->begin(); item != vocab->end(); ++item) {
    GLYPH_ASSIGN_OR_RETURN(const int32_t id, TokenId(item.value(), item.key()));
    if (static_cast<size_t>(id) >= owners.size()) {
      return absl::InvalidArgumentError(absl::StrCat("token ", QuoteToken(item.key()),
                                                     " has the id ", id, ", but vocab has only ",
                                                     owners.size(), " tokens: ids have gaps"));
    }
    if (owners[id] != nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("tokens ", QuoteToken(*owners[id]), " and ",
                                                     QuoteToken(item.key()), " share the id ", id));
    }
    owners[id] = &ids.emplace(item.key(), id).first->first;
  }
  return Vocabulary(std::move(ids));
}

std::optional<int32_t> Vocabulary::Find(const std::string& token) const {
  const auto found = ids_.find(token);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

absl::StatusOr<BpeModel::Parts> ParseBpeModel(const Json& model, const Vocabulary& vocabulary) {
  GLYPH_RETURN_IF_ERROR(CheckSwitches(model));
  BpeModel::Parts parts;
  GLYPH_ASSIGN_OR_RETURN(parts.byte_tokens, FindByteTokens(vocabulary));
  GLYPH_ASSIGN_OR_RETURN(const Json* merges, Field(model, "merges"));
  GLYPH_ASSIGN_OR_RETURN(parts.merges, ReadMerges(*merges, vocabulary));
  GLYPH_ASSIGN_OR_RETURN(const bool ignore_merges, BoolField(model, "ignore_merges", false));
  if (ignore_merges) {
    for (const auto& [token, id] : vocabulary.ids()) {
      if (auto bytes = BytesOfToken(token)) parts.whole_words.emplace(*std::move(bytes), id);
    }
  }
  return parts;
}

}  // namespace glyph::vlm
