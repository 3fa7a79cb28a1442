#pragma once
#include <string_view>

#include "absl/status/statusor.h"
#include "vlm_service/tokenizer/tokenizer.h"

namespace glyph::vlm {

// Largest tokenizer.json, bytes.
inline constexpr size_t kMaxTokenizerFileBytes = size_t{128} << 20;

// Reads the text of a tokenizer.json. INVALID_ARGUMENT names what is malformed or not supported.
// Beyond what the `tokenizers` library checks: ids are 0, 1, 2, ... without gaps, all 256 bytes
// have a token, and plain text can never become an added token.
absl::StatusOr<TokenizerParts> ParseTokenizerFile(std::string_view text);

}  // namespace glyph::vlm
