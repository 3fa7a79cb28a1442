#pragma once
#include <cstddef>

#include "absl/status/statusor.h"
#include "gateway/cli/ask_command.h"

namespace glyph::gateway::cli {

// Reads the inputs and puts the request together: inputs in order, then the question. Errors as
// ReadInput.
absl::StatusOr<v1::AskRequest> BuildAskRequest(const AskOptions& options);

// Bytes of all documents and images.
size_t SourceBytes(const v1::AskRequest& request);

}  // namespace glyph::gateway::cli
