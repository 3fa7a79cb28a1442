#pragma once
#include <string>
#include <string_view>

namespace glyph::gateway {

// `header`, the traceparent of a request, when it is one that W3C Trace Context allows; else "".
std::string ValidTraceparent(std::string_view header);

}  // namespace glyph::gateway
