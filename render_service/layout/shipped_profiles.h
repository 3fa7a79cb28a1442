#pragma once
#include <span>
#include <string_view>

namespace glyph::render {

struct ShippedProfile {
  std::string_view name;
  std::string_view json;
};

// The profile files embedded by CMakeLists.txt, in its order.
std::span<const ShippedProfile> ShippedProfiles();

}  // namespace glyph::render
