#pragma once
#include <set>
#include <string>
#include <string_view>

namespace glyph::gateway {

// Whether a request with this Host header may be answered: a web page that lets its own name lead
// to this machine must not reach the API. IP addresses and localhost pass, other names only when
// `allowed` (lower case, without port) holds them. An absent header (HTTP/1.0) passes.
bool IsHostAllowed(std::string_view host, const std::set<std::string>& allowed);

}  // namespace glyph::gateway
