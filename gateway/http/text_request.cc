#include "gateway/http/text_request.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/strip.h"
#include "gateway/http/error_object.h"
#include "gateway/http/json_fields.h"
#include "gateway/http/request_body.h"
#include "gateway/http/status_fields.h"
#include "gateway/http/traceparent.h"
#include "gateway/routing/ask_validation.h"
#include "nlohmann/json.hpp"
#include "proto/rpc/error.h"

namespace glyph::gateway {

absl::StatusOr<v1::RenderPagesRequest> ParseTextRequest(std::string_view body) {
  GLYPH_ASSIGN_OR_RETURN(const nlohmann::json json, ParseRequestBody(body));
  v1::RenderPagesRequest request;
  std::vector<rpc::FieldViolation> violations;
  const JsonFields fields(json, "", violations);
  if (const std::string* text = fields.String("text")) {
    request.mutable_document()->set_text(*text);
  } else if (fields.Find("text") == nullptr) {
    fields.Add("text", "FIELD_MISSING", "text is missing");
  }
  ReadRenderOptions(fields, *request.mutable_render());
  if (!violations.empty()) return rpc::InvalidArgument(std::move(violations));
  GLYPH_RETURN_IF_ERROR(WithTextFields(ValidateRenderPages(request)));
  return request;
}

HttpStarter TextStarter(
    const ApiServices& services,
    std::function<std::shared_ptr<HttpCall>(RenderRelay::Job, std::shared_ptr<HttpReply>)> start) {
  return [&services, start = std::move(start)](
             const HttpRequest& request,
             std::shared_ptr<HttpReply> reply) -> std::shared_ptr<HttpCall> {
    absl::StatusOr<v1::RenderPagesRequest> pages = ParseTextRequest(request.body);
    if (!pages.ok()) {
      services.flow.metrics.CountRequest(pages.status().code());
      reply->Send(ErrorResponse(pages.status()));
      return nullptr;
    }
    UpstreamCall call(UpstreamDeadline(services.flow.now(), absl::InfiniteFuture()),
                      ValidTraceparent(request.Header("traceparent")), request.caller);
    return start(RenderRelay::Job{*std::move(pages), request.request_id, std::move(call)},
                 std::move(reply));
  };
}

absl::Status WithTextFields(const absl::Status& status) {
  return WithField(status, [](absl::string_view field) {
    if (absl::ConsumePrefix(&field, "render.")) return std::string(field);
    return std::string("text");
  });
}

}  // namespace glyph::gateway
