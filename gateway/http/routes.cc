#include "gateway/http/routes.h"

#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/http/error_object.h"
#include "gateway/http/host_check.h"
#include "gateway/http/origin_check.h"

namespace glyph::gateway {
namespace {

bool Matches(const std::string& pattern, const std::string& path) {
  if (!absl::EndsWith(pattern, "/*")) return path == pattern;
  const size_t stem = pattern.size() - 1;  // with the slash
  return path.size() > stem && path.compare(0, stem, pattern, 0, stem) == 0 &&
         path.find('/', stem) == std::string::npos;
}

bool IsJson(std::string_view content_type) {
  const std::string type = absl::AsciiStrToLower(std::string(content_type));
  return type == "application/json" || absl::StartsWith(type, "application/json;");
}

HttpResponse MethodError(const std::set<std::string>& methods) {
  const std::string allowed = absl::StrJoin(methods, ", ");
  HttpResponse response = ErrorResponse(405, "method_not_allowed",
                                        absl::StrCat("this path answers ", allowed, " only"));
  response.headers.emplace_back("Allow", allowed);
  return response;
}

HttpResponse HostError() {
  return ErrorResponse(403, "host_not_allowed",
                       "this server does not go by that name; use its IP address or localhost, or "
                       "start glyph-gateway with --allow-host NAME");
}

HttpResponse OriginError() {
  return ErrorResponse(403, "origin_not_allowed",
                       "a page of another site sent this; a browser may ask only from pages of "
                       "this server's own address");
}

HttpResponse NoRouteError(const std::set<std::string>& methods) {
  return methods.empty() ? ErrorResponse(404, "not_found", "nothing lives at this path")
                         : MethodError(methods);
}

// What a body must be; nullopt when it is.
std::optional<HttpResponse> BodyError(const HttpRequest& request) {
  if (!IsJson(request.Header("content-type"))) {
    return ErrorResponse(415, "content_type_not_json",
                         "the body must be JSON; send Content-Type: application/json");
  }
  if (!request.Header("content-encoding").empty()) {
    return ErrorResponse(415, "content_encoding_unsupported",
                         "the body must not be compressed; send it without Content-Encoding");
  }
  return std::nullopt;
}

}  // namespace

std::optional<HttpResponse> Routes::Find(HttpRequest& request, const Route*& found) const {
  if (request.Headers("host").size() > 1) {
    return ErrorResponse(400, "host_twice", "the request names its host twice; name it once");
  }
  if (door_.allowed_hosts != nullptr) {
    const std::string_view host = request.Header("host");
    if (!IsHostAllowed(host, *door_.allowed_hosts)) return HostError();
    if (!IsOriginAllowed(request.Header("origin"), host)) return OriginError();
  }
  found = nullptr;
  std::set<std::string> methods;
  for (const Route& route : routes_) {
    if (!Matches(route.path, request.path)) continue;
    methods.insert(route.method);
    if (route.method == "GET") methods.insert("HEAD");
    if (!methods.contains(request.method)) continue;
    found = &route;
    break;
  }
  if (door_.keys != nullptr && (found == nullptr || found->access != Access::kOpen)) {
    absl::StatusOr<Caller> caller = door_.keys->Authenticate(request.Headers("authorization"));
    if (!caller.ok()) return ErrorResponse(caller.status());
    request.caller = *std::move(caller);
  }
  if (found == nullptr) return NoRouteError(methods);
  return found->method == "POST" ? BodyError(request) : std::nullopt;
}

std::optional<HttpResponse> Routes::RefusalOf(HttpRequest head) const {
  const Route* found = nullptr;
  return Find(head, found);
}

std::shared_ptr<HttpCall> Routes::Start(HttpRequest request,
                                        std::shared_ptr<HttpReply> reply) const {
  const Route* found = nullptr;
  if (std::optional<HttpResponse> refusal = Find(request, found)) {
    reply->Send(*std::move(refusal));
    return nullptr;
  }
  return found->starter(std::move(request), std::move(reply));
}

}  // namespace glyph::gateway
