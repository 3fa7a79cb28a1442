#include "render_service/raster/hex_box.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "render_service/fonts/hex_box_size.h"

namespace glyph::render {
namespace {

// The page as rows of '#' and '.'.
std::string Draw(const PlacedBox& box, int width, int height) {
  std::vector<uint8_t> pixels(static_cast<size_t>(width) * static_cast<size_t>(height), 255);
  DrawHexBox(box, width, height, pixels);
  std::string picture;
  for (size_t i = 0; i < pixels.size(); ++i) {
    picture += pixels[i] == 0 ? '#' : '.';
    if ((i + 1) % static_cast<size_t>(width) == 0) picture += '\n';
  }
  return picture;
}

TEST(HexBoxTest, FramesTheCodePoint) {
  EXPECT_EQ(Draw({.code_point = 0x1B7F, .x = 0, .y = kHexBoxAscent}, HexBoxWidth(0x1B7F) + 1,
                 kHexBoxHeight),
            "###########.\n"
            "#.........#.\n"
            "#..#..##..#.\n"
            "#.##..#.#.#.\n"
            "#..#..##..#.\n"
            "#..#..#.#.#.\n"
            "#.###.##..#.\n"
            "#.........#.\n"
            "#.###.###.#.\n"
            "#...#.#...#.\n"
            "#..#..##..#.\n"
            "#..#..#...#.\n"
            "#..#..#...#.\n"
            "#.........#.\n"
            "###########.\n");
}

TEST(HexBoxTest, HasThreeColumnsAboveTheBasicPlane) {
  EXPECT_EQ(HexBoxColumns(0xFFFF), 2);
  EXPECT_EQ(HexBoxColumns(0x10000), 3);
  EXPECT_GT(HexBoxAdvance(0x1F600), HexBoxWidth(0x1F600));
}

TEST(HexBoxTest, StaysInsideThePage) {
  const PlacedBox corners[] = {{.code_point = 0x10FFFF, .x = -5, .y = 3},
                               {.code_point = 0x10FFFF, .x = 20, .y = 30},
                               {.code_point = 0x10FFFF, .x = 1000, .y = 1000}};
  for (const PlacedBox& box : corners) {
    EXPECT_EQ(Draw(box, 28, 28).size(), 28u * 29);
  }
}

}  // namespace
}  // namespace glyph::render
