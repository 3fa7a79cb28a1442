#include "gateway/http/status_fields.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {

absl::Status WithField(const absl::Status& status,
                       const std::function<std::string(absl::string_view)>& rename) {
  rpc::ErrorDetails details = rpc::GetErrorDetails(status);
  if (details.field.empty()) return status;
  const std::string field = std::exchange(details.field, rename(details.field));
  absl::string_view message = status.message();
  const bool names_field = absl::ConsumePrefix(&message, field);
  return rpc::MakeError(status.code(), details,
                        absl::StrCat(names_field ? details.field : "", message));
}

}  // namespace glyph::gateway
