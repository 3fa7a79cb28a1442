#pragma once
#include <cstdint>
#include <string>

#include "gateway/cli/checks.h"

namespace glyph::gateway::cli {

// The weights in a model's folder against the SHA-256 sums that lie beside them (*.sha256, as
// sha256sum writes them). Reads them whole.
Finding CheckModel(const std::string& folder);

// Bytes of the weights in a model's folder; 0 when there are none.
uint64_t WeightBytes(const std::string& folder);

}  // namespace glyph::gateway::cli
