#include "render_service/layout/page_key.h"

#include <gtest/gtest.h>

#include <set>

namespace glyph::render {
namespace {

PageLayout Page() {
  PageLayout page;
  page.width_px = 28;
  page.height_px = 56;
  page.glyphs = {{.id = 1, .x = 2, .y = 3}};
  page.boxes = {{.code_point = 5, .x = 6, .y = 7}};
  return page;
}

TEST(PageKeyTest, DependsOnEverythingThatIsDrawn) {
  std::set<base::Sha256Digest> keys = {PageKey({1}, Page()), PageKey({2}, Page())};
  const auto add = [&](auto change) {
    PageLayout page = Page();
    change(page);
    keys.insert(PageKey({1}, page));
  };
  add([](PageLayout& page) { page.width_px = 56; });
  add([](PageLayout& page) { page.height_px = 28; });
  add([](PageLayout& page) { page.glyphs[0].id = 9; });
  add([](PageLayout& page) { page.glyphs[0].x = 9; });
  add([](PageLayout& page) { page.glyphs[0].y = 9; });
  add([](PageLayout& page) { page.boxes[0].code_point = 9; });
  add([](PageLayout& page) { page.boxes.clear(); });
  EXPECT_EQ(keys.size(), 9u);
}

TEST(PageKeyTest, DoesNotDependOnWhereTheTextStoodInItsSource) {
  PageLayout page = Page();
  page.lines = {{.source_begin = 1000, .source_end = 2000}};
  EXPECT_EQ(PageKey({1}, page), PageKey({1}, Page()));
}

}  // namespace
}  // namespace glyph::render
