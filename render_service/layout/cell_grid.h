#pragma once
#include "render_service/fonts/shaped_text.h"

namespace glyph::render {

// Sets `text` in cells of `cell_px`, as a terminal does, so that code keeps its columns: a
// character narrower than `em_px` takes one cell, a full-width one two, and a hex box as many as it
// fills. Glyphs stand in the middle of their cells and may stick out of narrow ones.
void SetInCells(int cell_px, int em_px, ShapedText& text);

}  // namespace glyph::render
