#pragma once
#include <cstdint>
#include <span>

#include "render_service/layout/page_layout.h"

namespace glyph::render {

// Draws `box` in black on gray8 `pixels` [height, width], clipped to them. Its size is
// fonts/hex_box_size.h's.
void DrawHexBox(const PlacedBox& box, int width, int height, std::span<uint8_t> pixels);

}  // namespace glyph::render
