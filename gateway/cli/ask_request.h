#pragma once
#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "gateway/cli/ask_command.h"

namespace glyph::gateway::cli {

// Reads the inputs and puts the request together: inputs in order, then the question. Errors as
// ReadPart and CheckUtf8.
absl::StatusOr<v1::AskRequest> BuildAskRequest(const AskOptions& options);

// A document or image. Errors as ReadInput.
absl::StatusOr<v1::AskPart> ReadPart(const AskOptions::Input& input);

// What people type comes in any encoding; a proto string must not. INVALID_ARGUMENT names `name`.
absl::Status CheckUtf8(const std::string& text, const char* name);

// Bytes of all documents and images.
size_t SourceBytes(const v1::AskRequest& request);

}  // namespace glyph::gateway::cli
