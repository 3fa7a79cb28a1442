#pragma once
#include <string>

#include "absl/status/status.h"
#include "glyph/v1/vlm.pb.h"

namespace glyph::gateway {

// NOT_FOUND (MODEL_NOT_FOUND) unless `wanted` is empty or the name of `model`.
absl::Status CheckModel(const std::string& wanted, const v1::Model& model);

}  // namespace glyph::gateway
