#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/status/statusor.h"
#include "nlohmann/json_fwd.hpp"
#include "vlm_service/tokenizer/bpe_model.h"

namespace glyph::vlm {

// The tokens of a byte-level BPE as tokenizer.json writes them, in the byte-level alphabet.
class Vocabulary {
 public:
  // Reads `vocab` of the file's `model`. INVALID_ARGUMENT names the token whose id is no number,
  // taken, or beyond the last of 0 .. num_tokens() - 1.
  static absl::StatusOr<Vocabulary> FromJson(const nlohmann::json& model);

  std::optional<int32_t> Find(const std::string& token) const;

  int32_t num_tokens() const { return static_cast<int32_t>(ids_.size()); }
  const std::unordered_map<std::string, int32_t>& ids() const { return ids_; }

 private:
  explicit Vocabulary(std::unordered_map<std::string, int32_t> ids) : ids_(std::move(ids)) {}

  std::unordered_map<std::string, int32_t> ids_;
};

// Reads the merges and switches of the file's `model`; merges come as "a b" or ["a", "b"].
// INVALID_ARGUMENT names the merge whose parts or result are no tokens, the byte without a token,
// and switches that are not supported (dropout, affixes of words).
absl::StatusOr<BpeModel::Parts> ParseBpeModel(const nlohmann::json& model,
                                              const Vocabulary& vocabulary);

}  // namespace glyph::vlm
