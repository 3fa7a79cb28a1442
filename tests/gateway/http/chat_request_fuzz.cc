// Any bytes as the body of a call. The first one chooses: even for /v1/chat/completions, odd for
// /v1/render and /v1/estimate, which read the same body.
#include <string>
#include <string_view>
#include <vector>

#include "gateway/http/chat_request.h"
#include "gateway/http/error_object.h"
#include "gateway/http/text_request.h"
#include "gateway/routing/ask_validation.h"
#include "nlohmann/json.hpp"
#include "proto/base/check.h"
#include "proto/base/json.h"
#include "proto/base/utf8.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

bool IsUtf8(const std::string& text) { return base::ValidUtf8Prefix(text) == text.size(); }

// Names what is wrong, and where unless the body is no JSON at all.
void CheckError(const absl::Status& status) {
  GLYPH_CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  const rpc::ErrorDetails details = rpc::GetErrorDetails(status);
  GLYPH_CHECK(!details.reason.empty() && !status.message().empty());
  const bool names_fields = details.reason != "BODY_NOT_JSON";
  GLYPH_CHECK(details.field.empty() != names_fields);
  const std::vector<rpc::FieldViolation> violations = rpc::GetFieldViolations(status);
  GLYPH_CHECK(violations.empty() != names_fields && violations.size() <= 20);
  const HttpResponse response = ErrorResponse(status);
  GLYPH_CHECK(response.status == (details.reason == "INPUT_TOO_LARGE" ? 413 : 400));
  const absl::StatusOr<nlohmann::json> body = base::ParseJson(response.body);
  GLYPH_CHECK(body.ok() && body->at("error").at("code").is_string());
  GLYPH_CHECK(body->at("error").at("param").is_string() == names_fields);
}

// Every part stands somewhere in the body, and errors of the services find it there.
void CheckParts(const ChatRequest& chat) {
  GLYPH_CHECK(chat.part_paths.size() == static_cast<size_t>(chat.ask.parts_size()));
  for (size_t i = 0; i < chat.part_paths.size(); ++i) {
    GLYPH_CHECK(chat.part_paths[i].starts_with("messages["));
    const std::string field = "parts[" + std::to_string(i) + "].document.text";
    const absl::Status status = WithChatFields(rpc::InvalidArgument("R", field, "m"), chat);
    GLYPH_CHECK(rpc::GetErrorDetails(status).field == chat.part_paths[i]);
    const v1::AskPart& part = chat.ask.parts(static_cast<int>(i));
    GLYPH_CHECK(IsUtf8(part.text()) && IsUtf8(part.document().text()));
  }
}

void CheckChat(std::string_view body) {
  const absl::StatusOr<ChatRequest> chat = ParseChatRequest(body);
  if (!chat.ok()) return CheckError(chat.status());
  GLYPH_CHECK(ValidateAsk(chat->ask).ok());
  GLYPH_CHECK(chat->stream || !chat->include_usage);
  GLYPH_CHECK(IsUtf8(chat->model) && IsUtf8(chat->ask.render().profile()));
  for (const std::string& stop : chat->ask.generation().stop()) GLYPH_CHECK(IsUtf8(stop));
  CheckParts(*chat);
}

void CheckText(std::string_view body) {
  const absl::StatusOr<v1::RenderPagesRequest> pages = ParseTextRequest(body);
  if (!pages.ok()) return CheckError(pages.status());
  GLYPH_CHECK(ValidateRenderPages(*pages).ok());
  GLYPH_CHECK(IsUtf8(pages->document().text()) && IsUtf8(pages->render().profile()));
}

}  // namespace
}  // namespace glyph::gateway

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  data[0] % 2 == 0 ? glyph::gateway::CheckChat(body) : glyph::gateway::CheckText(body);
  return 0;
}
