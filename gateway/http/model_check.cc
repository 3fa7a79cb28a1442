#include "gateway/http/model_check.h"

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {

absl::Status CheckModel(const std::string& wanted, const v1::Model& model) {
  if (wanted.empty() || wanted == model.name()) return absl::OkStatus();
  return rpc::MakeError(
      absl::StatusCode::kNotFound,
      {.reason = "MODEL_NOT_FOUND", .field = "model", .retry_after = {}},
      absl::StrCat("this server has the model \"", model.name(), "\" only; see /v1/models"));
}

}  // namespace glyph::gateway
