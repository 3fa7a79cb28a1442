#include "render_service/layout/cell_grid.h"

namespace glyph::render {

void SetInCells(int cell_px, int em_px, ShapedText& text) {
  for (ShapedCluster& cluster : text.clusters) {
    const int advance = cluster.advance;
    if (advance <= 0) continue;
    const int num_cells = advance < em_px ? 1 : 2 * ((advance + em_px - 1) / em_px);
    cluster.advance = num_cells * cell_px;
    const int shift = (cluster.advance - advance) / 2;
    for (uint32_t i = cluster.first_glyph; i < cluster.end_glyph; ++i) {
      text.glyphs[i].x = static_cast<int16_t>(text.glyphs[i].x + shift);
    }
  }
}

}  // namespace glyph::render
