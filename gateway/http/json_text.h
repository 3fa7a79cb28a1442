#pragma once
#include <string>

#include "nlohmann/json.hpp"

namespace glyph::gateway {

// Members stay in the order they are written in.
using Json = nlohmann::ordered_json;

// One line without a line break. Bytes that are not UTF-8 become U+FFFD rather than an exception.
inline std::string JsonText(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace glyph::gateway
