#pragma once
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "proto/base/sha256.h"
#include "render_service/layout/page_layout.h"
#include "render_service/layout/visual_line.h"

namespace glyph::render {

// Bounds known before the first page.
struct RenderPlan {
  uint32_t max_pages = 0;
  uint64_t max_visual_tokens = 0;
  uint64_t characters = 0;                                // scalar values of the source
  std::optional<base::Sha256Digest> profile_fingerprint;  // nullopt for images
  bool is_exact = false;                                  // they are what comes
};

// One page, drawn or decoded.
struct RenderedPage {
  uint32_t index = 0;
  base::Sha256Digest key = {};
  std::optional<base::Sha256Digest> profile_fingerprint;  // nullopt for uploads
  bool is_on_grid = false;  // both sides are multiples of 28; the model resizes other pages
  int width_px = 0;
  int height_px = 0;
  int channels = 1;               // 1 gray or 3 RGB
  std::vector<uint8_t> pixels;    // [height_px, width_px, channels]
  std::vector<PlacedLine> lines;  // where the source lies; empty for uploads
};

// The end of a document.
struct RenderSummary {
  uint32_t pages = 0;  // that were drawn
  bool is_empty = false;  // there was nothing to draw
  uint64_t characters = 0;
  uint64_t replaced_bytes = 0;
  TextOddities oddities;
  uint32_t blank_pages = 0;
};

// What a step of a RenderTask brought; monostate: nothing yet, step again.
using RenderEvent = std::variant<std::monostate, RenderPlan, RenderedPage, RenderSummary>;

}  // namespace glyph::render
