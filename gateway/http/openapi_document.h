#pragma once
#include <string>

namespace glyph::gateway {

// What the public HTTP port offers, as OpenAPI 3.1 (GET /openapi.json).
std::string OpenApiDocument();

}  // namespace glyph::gateway
