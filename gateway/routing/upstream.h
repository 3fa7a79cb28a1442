#pragma once

namespace glyph::gateway {

// The services behind the gateway.
enum class Upstream { kRender, kVlm };

inline const char* UpstreamName(Upstream upstream) {
  return upstream == Upstream::kRender ? "render_service" : "vlm_service";
}

}  // namespace glyph::gateway
