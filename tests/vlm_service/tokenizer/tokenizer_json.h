#pragma once
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "vlm_service/tokenizer/tokenizer.h"

namespace glyph::vlm {

// A tokenizer.json whose vocabulary is the 256 bytes (ids 0 .. 255), without merges and added
// tokens; ByteLevel without regex.
nlohmann::json ByteTokenizerJson();

// Joins two tokens, written in the byte-level alphabet, to a new one at the end of the vocabulary.
// Before any AddToken.
void AddMerge(nlohmann::json& file, const std::string& left, const std::string& right);

// Adds a special token with the next id; `flags` override its fields.
void AddToken(nlohmann::json& file, const std::string& content,
              const nlohmann::json& flags = nlohmann::json::object());

// A Sequence of Split by `regex` and ByteLevel without regex.
nlohmann::json SplitBy(const std::string& regex, const std::string& behavior = "Isolated");

// Fails the test when the file is refused.
Tokenizer MakeTokenizer(const nlohmann::json& file);

// The pieces of TokenBytes; what was split where, whatever the ids.
std::vector<std::string> BytesOf(const Tokenizer& tokenizer, const std::vector<int32_t>& ids);

}  // namespace glyph::vlm
