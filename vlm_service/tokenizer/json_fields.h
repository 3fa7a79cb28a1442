#pragma once
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "nlohmann/json_fwd.hpp"

// Reads fields of a parsed tokenizer.json. Every error is INVALID_ARGUMENT and names the field.
namespace glyph::vlm {

// `object`[key]; an error when `object` is no object or has no such field.
absl::StatusOr<const nlohmann::json*> Field(const nlohmann::json& object, const char* key);

absl::StatusOr<std::string> StringField(const nlohmann::json& object, const char* key);

// `fallback` when the field is absent or null.
absl::StatusOr<bool> BoolField(const nlohmann::json& object, const char* key, bool fallback);

// A token id, 0 to 2^31 - 2.
absl::StatusOr<int32_t> TokenId(const nlohmann::json& value, const std::string& token);

// `token` as error messages show it: at most 100 bytes, escaped.
std::string QuoteToken(const std::string& token);

}  // namespace glyph::vlm
