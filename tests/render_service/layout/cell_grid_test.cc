#include "render_service/layout/cell_grid.h"

#include <gtest/gtest.h>

namespace glyph::render {
namespace {

TEST(CellGridTest, GivesCharactersCellsByTheirWidth) {
  struct Row {
    int advance;
    int expected_px;
    int shift_px;
  };
  // Narrow, wider than its cell, full width, a hex box, a mark of its own.
  for (const Row& row :
       {Row{4, 8, 2}, Row{12, 8, -2}, Row{14, 16, 1}, Row{16, 32, 8}, Row{0, 0, 0}}) {
    ShapedText text;
    text.glyphs = {{.id = 1, .x = 1}};
    text.clusters = {{.first_glyph = 0, .end_glyph = 1, .advance = row.advance}};
    SetInCells(8, 14, text);
    EXPECT_EQ(text.clusters[0].advance, row.expected_px) << row.advance;
    EXPECT_EQ(text.glyphs[0].x, 1 + row.shift_px) << row.advance;
  }
}

}  // namespace
}  // namespace glyph::render
