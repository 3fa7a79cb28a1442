#include "vlm_service/server/served_model.h"

#include <algorithm>
#include <cctype>

#include "absl/strings/escaping.h"
#include "nlohmann/json.hpp"
#include "proto/base/json.h"
#include "proto/rpc/error.h"

namespace glyph::vlm {

absl::StatusOr<std::string> ProfileFingerprintOf(const std::string& json) {
  if (json.empty()) return std::string();
  GLYPH_ASSIGN_OR_RETURN(const nlohmann::json profile, base::ParseJson(json));
  if (!profile.is_object()) {
    return absl::InvalidArgumentError("render_profile.json is not a JSON object");
  }
  const auto found = profile.find("profile_fingerprint");
  if (found == profile.end()) return std::string();
  const std::string digits = found->is_string() ? found->get<std::string>() : "";
  const bool all_hex = std::all_of(digits.begin(), digits.end(),
                                   [](unsigned char c) { return std::isxdigit(c) != 0; });
  if (digits.size() != 64 || !all_hex) {
    return absl::InvalidArgumentError(
        "render_profile.json: profile_fingerprint is not 64 hexadecimal digits");
  }
  return absl::HexStringToBytes(digits);
}

}  // namespace glyph::vlm
