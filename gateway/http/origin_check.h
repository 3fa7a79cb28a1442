#pragma once
#include <string_view>

namespace glyph::gateway {

// Whether a request with this Origin header may be answered: pages of other sites must not use the
// API through the browser of somebody who can reach it. An origin passes when it is that of `host`,
// the Host header, itself allowed (host_check.h); an absent one (no browser) passes too.
bool IsOriginAllowed(std::string_view origin, std::string_view host);

}  // namespace glyph::gateway
