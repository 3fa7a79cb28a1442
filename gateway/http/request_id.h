#pragma once
#include <string>
#include <string_view>

namespace glyph::gateway {

// The id a request goes by: `wanted`, its x-request-id, when that is 1 to 128 bytes of printable
// ASCII, else a random one. Thread-safe.
std::string RequestIdFor(std::string_view wanted);

}  // namespace glyph::gateway
