#include "gateway/http/origin_check.h"

#include "absl/strings/match.h"

namespace glyph::gateway {

bool IsOriginAllowed(std::string_view origin, std::string_view host) {
  if (origin.empty()) return true;
  const size_t scheme_end = origin.find("://");
  if (scheme_end == std::string_view::npos) return false;  // "null" among others
  const std::string_view scheme = origin.substr(0, scheme_end);
  const std::string_view authority = origin.substr(scheme_end + 3);
  return (scheme == "http" || scheme == "https") && !host.empty() &&
         absl::EqualsIgnoreCase({authority.data(), authority.size()}, {host.data(), host.size()});
}

}  // namespace glyph::gateway
