#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "vlm_service/tokenizer/added_tokens.h"
#include "vlm_service/tokenizer/bpe_model.h"
#include "vlm_service/tokenizer/pre_tokenizer.h"

namespace glyph::vlm {

// The parts of a tokenizer.json, checked against each other.
struct TokenizerParts {
  AddedTokens added_tokens;
  PreTokenizer pre_tokenizer;
  BpeModel model;
  std::vector<std::string> token_bytes;  // [num_tokens], indexed by id; raw bytes
};

// Text to token ids and back, as Hugging Face's `tokenizers` does for a byte-level BPE. Truncation,
// padding and post-processing of the file are not applied: prompts are built by prompt/.
// Immutable and thread-safe.
//   GLYPH_ASSIGN_OR_RETURN(auto tokenizer, Tokenizer::Load("/models/nano"));
//   std::vector<int32_t> ids = tokenizer->EncodeText("Find: KEY");
class Tokenizer {
 public:
  // Reads `model_dir`/tokenizer.json. NOT_FOUND without one; INVALID_ARGUMENT names what is
  // malformed, and every feature this class does not honour.
  static absl::StatusOr<std::unique_ptr<Tokenizer>> Load(const std::string& model_dir);

  explicit Tokenizer(TokenizerParts parts) : parts_(std::move(parts)) {}

  // Ids of plain text: no input yields the id of an added token. Invalid UTF-8 is encoded byte by
  // byte. Time is linear in the text, up to the logarithm of its longest word.
  std::vector<int32_t> EncodeText(std::string_view utf8) const;

  // Ids of text in which added tokens count, as `Tokenizer.encode(text, add_special_tokens=False)`.
  // For tools and tests: never for text of a user.
  std::vector<int32_t> EncodeWithAddedTokens(std::string_view utf8) const;

  // Id of the added token written `content`.
  std::optional<int32_t> AddedTokenId(std::string_view content) const;

  // The bytes `id` stands for, which need not be whole characters; empty for special tokens and
  // unknown ids.
  std::string_view TokenBytes(int32_t id) const;

  // The text of `ids` with U+FFFD for each maximal invalid sequence; unknown ids are dropped, and
  // special tokens too with `skip_special`.
  std::string Decode(std::span<const int32_t> ids, bool skip_special) const;

  // Ids run from 0 to num_tokens() - 1.
  int32_t num_tokens() const { return static_cast<int32_t>(parts_.token_bytes.size()); }

 private:
  const TokenizerParts parts_;
};

}  // namespace glyph::vlm
