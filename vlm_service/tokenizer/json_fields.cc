#include "vlm_service/tokenizer/json_fields.h"

#include <limits>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "proto/rpc/error.h"

namespace glyph::vlm {

using Json = nlohmann::json;

absl::StatusOr<const Json*> Field(const Json& object, const char* key) {
  if (!object.is_object()) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected an object with the field ", key, ", found ", object.type_name()));
  }
  const auto found = object.find(key);
  if (found == object.end()) {
    return absl::InvalidArgumentError(absl::StrCat("the field ", key, " is missing"));
  }
  return &*found;
}

absl::StatusOr<std::string> StringField(const Json& object, const char* key) {
  GLYPH_ASSIGN_OR_RETURN(const Json* value, Field(object, key));
  if (value->is_string()) return value->get<std::string>();
  return absl::InvalidArgumentError(
      absl::StrCat(key, " is ", value->type_name(), ", not a string"));
}

absl::StatusOr<bool> BoolField(const Json& object, const char* key, bool fallback) {
  const auto value = object.find(key);
  if (value == object.end() || value->is_null()) return fallback;
  if (value->is_boolean()) return value->get<bool>();
  return absl::InvalidArgumentError(
      absl::StrCat(key, " is ", value->type_name(), ", not true or false"));
}

absl::StatusOr<int32_t> TokenId(const Json& value, const std::string& token) {
  constexpr uint64_t kMaxId = std::numeric_limits<int32_t>::max() - 1;
  if (value.is_number_unsigned() && value.get<uint64_t>() <= kMaxId) return value.get<int32_t>();
  return absl::InvalidArgumentError(
      absl::StrCat("the id of token ", QuoteToken(token), " is not a number from 0 to ", kMaxId));
}

std::string QuoteToken(const std::string& token) {
  constexpr size_t kMaxBytes = 100;
  return absl::StrCat("'", absl::CHexEscape(token.substr(0, kMaxBytes)), "'");
}

}  // namespace glyph::vlm
