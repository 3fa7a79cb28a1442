#include "gateway/cli/ask_request.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gateway/cli/input.h"
#include "proto/base/utf8.h"
#include "proto/rpc/error.h"

namespace glyph::gateway::cli {
absl::Status CheckUtf8(const std::string& text, const char* name) {
  if (base::ValidUtf8Prefix(text) == text.size()) return absl::OkStatus();
  return rpc::InvalidArgument("INVALID_UTF8", name,
                              absl::StrCat("the ", name, " is not UTF-8; use a UTF-8 terminal"));
}

absl::StatusOr<v1::AskPart> ReadPart(const AskOptions::Input& input) {
  GLYPH_ASSIGN_OR_RETURN(std::string bytes, ReadInput(input.path, kMaxInputBytes));
  v1::AskPart part;
  if (input.is_image) {
    part.mutable_image()->set_data(std::move(bytes));
  } else {
    part.mutable_document()->set_text(std::move(bytes));
  }
  return part;
}

absl::StatusOr<v1::AskRequest> BuildAskRequest(const AskOptions& options) {
  GLYPH_RETURN_IF_ERROR(CheckUtf8(options.question, "question"));
  v1::AskRequest request;
  for (const AskOptions::Input& input : options.inputs) {
    GLYPH_ASSIGN_OR_RETURN(*request.add_parts(), ReadPart(input));
  }
  if (options.inputs.empty() && StdinIsPiped()) {
    GLYPH_ASSIGN_OR_RETURN(v1::AskPart piped, ReadPart({.is_image = false, .path = "-"}));
    if (!piped.document().text().empty()) *request.add_parts() = std::move(piped);
  }
  if (!options.question.empty()) request.add_parts()->set_text(options.question);
  *request.mutable_generation() = options.generation;
  *request.mutable_render() = options.render;
  request.set_allow_profile_mismatch(options.allow_profile_mismatch);
  return request;
}

size_t SourceBytes(const v1::AskRequest& request) {
  size_t bytes = 0;
  for (const v1::AskPart& part : request.parts()) {
    bytes += part.document().text().size() + part.image().data().size();
  }
  return bytes;
}

}  // namespace glyph::gateway::cli
