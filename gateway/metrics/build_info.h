#pragma once
#include "prometheus/registry.h"

namespace glyph::gateway {

// Registers glyph_build_info{service="gateway",version}, always 1.
void RegisterBuildInfo(prometheus::Registry& registry);

}  // namespace glyph::gateway
