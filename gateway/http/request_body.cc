#include "gateway/http/request_body.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "proto/base/json.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {

absl::StatusOr<nlohmann::json> ParseRequestBody(std::string_view body) {
  base::JsonLimits limits;
  limits.max_bytes = kMaxRequestBodyBytes;
  limits.max_depth = 32;
  limits.max_values = 100'000;
  absl::StatusOr<nlohmann::json> json = base::ParseJson(body, limits);
  if (!json.ok()) {
    return rpc::InvalidArgument("BODY_NOT_JSON", "",
                                absl::StrCat("the body: ", json.status().message()));
  }
  if (!json->is_object()) {
    return rpc::InvalidArgument("BODY_NOT_JSON", "", "the body must be a JSON object");
  }
  return json;
}

void ReadRenderOptions(const JsonFields& fields, v1::RenderOptions& options) {
  if (const std::string* profile = fields.String("profile")) options.set_profile(*profile);
  constexpr int64_t kMaxPages = std::numeric_limits<uint32_t>::max();
  if (const auto pages = fields.Integer("max_pages", 1, kMaxPages)) {
    options.set_max_pages(static_cast<uint32_t>(*pages));
  }
}

}  // namespace glyph::gateway
