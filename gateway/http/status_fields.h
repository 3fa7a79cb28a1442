#pragma once
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace glyph::gateway {

// `status` with the field it names, if it names one, and the same name at the start of its message
// replaced by what `rename` makes of it.
absl::Status WithField(const absl::Status& status,
                       const std::function<std::string(absl::string_view)>& rename);

}  // namespace glyph::gateway
