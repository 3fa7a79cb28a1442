// Nano's pages equal those it was trained on: tests/golden/nano_samples, drawn by its training
// code.
#include "render_service/raster/page_painter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "render_service/images/image_decoder.h"
#include "render_service/layout/document_layout.h"
#include "render_service/layout/profile_catalog.h"
#include "tests/reference/nano_training/text_style.h"

namespace glyph::render {
namespace {

constexpr char kSamples[] = "tests/golden/nano_samples/";
constexpr char kFonts[] = "/usr/share/fonts";

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<PageLayout> LayOut(const std::string& text, const RenderProfile& profile,
                               TextShaper& shaper) {
  const auto source = SourceText::Create(text, false);
  DocumentLayout layout(*source, profile, {.max_pages = 256, .num_pages = 1});
  while (!layout.Advance(shaper, nullptr, 1 << 20).value()) {
  }
  return layout.pages();
}

int MaxDifference(const std::vector<uint8_t>& page, const DecodedImage& image) {
  int difference = 0;
  for (size_t i = 0; i < page.size(); ++i) {
    difference = std::max(difference, std::abs(page[i] - image.rgb[3 * i]));
  }
  return difference;
}

TEST(PagePainterTest, DrawsNanosTrainingPages) {
  const auto catalog = ProfileCatalog::Create(kFonts).value();
  const auto nano = catalog->Find("nano").value();
  const auto shaper = TextShaper::Create(*nano->font_file, nano->profile.font).value();
  for (const auto& item : nlohmann::json::parse(ReadFile(std::string(kSamples) + "pages.json"))) {
    if (item["task"] != "read") continue;
    const DecodedImage image =
        DecodeImage(ReadFile(kSamples + item["images"][0].get<std::string>())).value();
    // Samples vary in what a page of the profile has fixed: the top margin (14 to 20 px) and blank
    // space below the text.
    int best = 255;
    for (int top = nano->profile.margin_top_min_px; top <= nano->profile.margin_top_max_px; ++top) {
      RenderProfile profile = nano->profile;
      profile.margin_top_min_px = profile.margin_top_max_px = top;
      profile.page_height_min_px = image.height_px;
      const auto pages = LayOut(item["text"], profile, *shaper);
      ASSERT_EQ(pages.size(), 1u) << item["name"];
      ASSERT_EQ(pages[0].width_px, image.width_px);
      if (pages[0].height_px != image.height_px) continue;
      best = std::min(best, MaxDifference(PaintPage(pages[0], *shaper).value(), image));
    }
    EXPECT_LE(best, 1) << item["name"];
  }
}

// One line drawn by Pango itself with nano's style, as tests/reference/nano_training does it, but
// never with another font of the machine.
std::vector<uint8_t> DrawWithPango(const std::string& line, int width, int height, int x, int y) {
  PangoContext* pango = nano::context();
  cairo_surface_t* surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
  cairo_t* context = cairo_create(surface);
  cairo_set_source_rgb(context, 1, 1, 1);
  cairo_paint(context);
  cairo_set_source_rgb(context, 0, 0, 0);
  PangoLayout* layout = nano::layout(pango, line);
  PangoAttrList* attributes = pango_attr_list_copy(pango_layout_get_attributes(layout));
  pango_attr_list_insert(attributes, pango_attr_fallback_new(FALSE));
  pango_layout_set_attributes(layout, attributes);
  pango_attr_list_unref(attributes);
  cairo_move_to(context, x, y);
  pango_cairo_show_layout_line(context, pango_layout_get_line_readonly(layout, 0));
  cairo_surface_flush(surface);
  std::vector<uint8_t> pixels;
  for (int row = 0; row < height; ++row) {
    const uint8_t* data =
        cairo_image_surface_get_data(surface) + row * cairo_image_surface_get_stride(surface);
    for (int column = 0; column < width; ++column) pixels.push_back(data[4 * column]);
  }
  g_object_unref(layout);
  cairo_destroy(context);
  cairo_surface_destroy(surface);
  g_object_unref(pango);
  return pixels;
}

TEST(PagePainterTest, DrawsALineOfAnyScriptAsPangoDoes) {
  const auto catalog = ProfileCatalog::Create(kFonts).value();
  const auto nano = catalog->Find("nano").value();
  const auto shaper = TextShaper::Create(*nano->font_file, nano->profile.font).value();
  for (const std::string line :
       {"Plain text, 0123456789 (and) [more] {of} it!", "AVAVA Te To fi fl ffi ... -- office",
        "\xE4\xB8\xAD\xE6\x96\x87\xEF\xBC\x8C and Latin 12 \xE3\x80\x82",
        "\xED\x95\x9C\xEA\xB5\xAD\xEC\x96\xB4 \xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB",
        "\xE3\x81\x8B\xE3\x82\x99 \xE3\x82\xAB\xE3\x83\xBC", "e\xCC\x81 o\xCC\x88 n\xCC\x83",
        "\xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82 \xCE\xB1\xCE\xB2\xCE\xB3"}) {
    const auto pages = LayOut(line, nano->profile, *shaper);
    ASSERT_EQ(pages.size(), 1u);
    const auto page = PaintPage(pages[0], *shaper).value();
    const auto expected = DrawWithPango(line, 532, 56, 32, nano->profile.margin_top_min_px + 15);
    ASSERT_EQ(page.size(), expected.size());
    int difference = 0;
    for (size_t i = 0; i < page.size(); ++i) {
      difference = std::max(difference, std::abs(page[i] - expected[i]));
    }
    EXPECT_LE(difference, 1) << line;
  }
}

TEST(PagePainterTest, AddsCoveragesAndSaturates) {
  const auto catalog = ProfileCatalog::Create(kFonts).value();
  const auto nano = catalog->Find("nano").value();
  const auto shaper = TextShaper::Create(*nano->font_file, nano->profile.font).value();
  PageLayout page = LayOut("o", nano->profile, *shaper)[0];
  const auto once = PaintPage(page, *shaper).value();
  page.glyphs.push_back(page.glyphs[0]);
  page.lines.push_back(page.lines[0]);
  page.lines[1].first_glyph = 1;
  page.lines[1].end_glyph = 2;
  const auto twice = PaintPage(page, *shaper).value();
  for (size_t i = 0; i < once.size(); ++i) {
    ASSERT_EQ(twice[i], std::max(0, 255 - 2 * (255 - once[i])));
  }
}

TEST(PagePainterTest, LeavesTheMarginsAndThePaddingWhite) {
  const auto catalog = ProfileCatalog::Create(kFonts).value();
  const auto noto = catalog->Find("noto-1024").value();
  const auto shaper = TextShaper::Create(*noto->font_file, noto->profile.font).value();
  const auto pages = LayOut(std::string(3000, 'W'), noto->profile, *shaper);
  const auto pixels = PaintPage(pages[0], *shaper).value();
  ASSERT_EQ(pages[0].width_px, 1036);
  ASSERT_EQ(pixels.size(), static_cast<size_t>(1036 * pages[0].height_px));
  bool has_ink = false;
  for (size_t i = 0; i < pixels.size(); ++i) {
    const size_t x = i % 1036;
    const size_t y = i / 1036;
    if (x < 32 || x >= 1000 || y < 20) {
      ASSERT_EQ(pixels[i], 255);
    }
    has_ink = has_ink || pixels[i] == 0;
  }
  EXPECT_TRUE(has_ink);
}

}  // namespace
}  // namespace glyph::render
