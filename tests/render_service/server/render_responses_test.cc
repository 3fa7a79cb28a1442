#include "render_service/server/render_responses.h"

#include <gtest/gtest.h>

#include <string>

namespace glyph::render {
namespace {

RenderedPage Page(int width, int height, int channels) {
  RenderedPage page;
  page.index = 3;
  page.width_px = width;
  page.height_px = height;
  page.channels = channels;
  if (channels == 1) {
    page.profile_fingerprint = base::Sha256Digest{9};
    page.is_on_grid = true;
  }
  page.pixels.resize(static_cast<size_t>(width) * height * channels);
  for (size_t i = 0; i < page.pixels.size(); ++i) page.pixels[i] = static_cast<uint8_t>(i * 7);
  return page;
}

// As the messages go out.
std::vector<v1::RenderResponse> FilledResponses(const RenderedPage& page) {
  auto responses = ToResponses(page, {}, absl::ZeroDuration());
  for (v1::RenderResponse& response : responses) {
    if (response.has_strip()) FillPixels(page, *response.mutable_strip());
  }
  return responses;
}

struct Size {
  int width;
  int height;
  int channels;
};

TEST(RenderResponsesTest, CutsPagesIntoStripsOfWholeBands) {
  for (const auto& [width, height, channels] :
       {Size{28, 28, 1}, Size{532, 280, 1}, Size{1036, 4648, 1}, Size{16380, 1008, 1},
        Size{16384, 1024, 3}, Size{1, 16384, 3}, Size{37, 23, 3}}) {
    const RenderedPage page = Page(width, height, channels);
    const auto responses = FilledResponses(page);
    const uint32_t unit = channels == 1 ? 28 : 1;
    std::string pixels;
    for (size_t i = 1; i < responses.size(); ++i) {
      ASSERT_TRUE(responses[i].has_strip());
      const v1::PageStrip& strip = responses[i].strip();
      EXPECT_LE(responses[i].ByteSizeLong(), size_t{1} << 20);
      EXPECT_EQ(strip.page_index(), 3u);
      EXPECT_EQ(strip.first_row() % unit, 0u);
      EXPECT_EQ(strip.first_row() * size_t{1} * width * channels, pixels.size());
      EXPECT_EQ(strip.pixels().size() % (size_t{unit} * width * channels), 0u);
      pixels += strip.pixels();
    }
    EXPECT_EQ(pixels, std::string(page.pixels.begin(), page.pixels.end()));
  }
}

TEST(RenderResponsesTest, NamesDrawnPagesAndUploads) {
  const auto drawn = ToResponses(Page(28, 56, 1), {}, absl::ZeroDuration())[0].page();
  EXPECT_EQ(drawn.format(), v1::PIXEL_FORMAT_GRAY8);
  EXPECT_EQ(drawn.origin(), v1::PAGE_ORIGIN_RENDERED);
  EXPECT_EQ(drawn.profile_fingerprint().size(), 32u);
  EXPECT_EQ(drawn.page_key().size(), 32u);
  EXPECT_EQ(drawn.width_px(), 28u);
  EXPECT_EQ(drawn.height_px(), 56u);
  const auto upload = ToResponses(Page(5, 6, 3), {}, absl::ZeroDuration())[0].page();
  EXPECT_EQ(upload.format(), v1::PIXEL_FORMAT_RGB8);
  EXPECT_EQ(upload.origin(), v1::PAGE_ORIGIN_UPLOADED);
  EXPECT_TRUE(upload.profile_fingerprint().empty());
}

TEST(RenderResponsesTest, LeavesPagesOffTheGridToTheModel) {
  RenderedPage page = Page(589, 566, 1);
  page.is_on_grid = false;
  const auto responses = FilledResponses(page);
  EXPECT_EQ(responses[0].page().origin(), v1::PAGE_ORIGIN_UPLOADED);
  EXPECT_EQ(responses[0].page().format(), v1::PIXEL_FORMAT_GRAY8);
  EXPECT_EQ(responses[0].page().profile_fingerprint().size(), 32u);
  ASSERT_EQ(responses.size(), 2u);
  EXPECT_EQ(responses[1].strip().pixels().size(), page.pixels.size());
}

TEST(RenderResponsesTest, SplitsSourceMapsAtTheLimitOfBoxes) {
  for (const size_t boxes : {size_t{0}, size_t{8191}, size_t{8192}, size_t{8193}}) {
    RenderedPage page = Page(28, 28, 1);
    page.lines.resize(boxes, {.source_begin = 5, .source_end = 9, .x = 1, .y = 2});
    const auto responses = ToResponses(page, {}, absl::ZeroDuration());
    ASSERT_EQ(responses.size(), 2 + (boxes + 8191) / 8192);
    size_t received = 0;
    for (size_t i = 2; i < responses.size(); ++i) {
      EXPECT_EQ(responses[i].source_map().page_index(), 3u);
      received += static_cast<size_t>(responses[i].source_map().boxes_size());
    }
    EXPECT_EQ(received, boxes);
  }
}

TEST(RenderResponsesTest, CountsWhatWasOdd) {
  RenderSummary summary;
  summary.pages = 2;
  summary.characters = 3;
  summary.replaced_bytes = 4;
  summary.oddities = {.missing_glyphs = 5, .control_characters = 6, .capped_marks = 7};
  summary.blank_pages = 8;
  const auto done = ToResponses(summary, {}, absl::Milliseconds(9))[0].done();
  EXPECT_EQ(done.pages(), 2u);
  EXPECT_EQ(done.characters(), 3u);
  EXPECT_EQ(done.diagnostics().replaced_bytes(), 4u);
  EXPECT_EQ(done.diagnostics().missing_glyphs(), 5u);
  EXPECT_EQ(done.diagnostics().control_characters(), 6u);
  EXPECT_EQ(done.diagnostics().capped_marks(), 7u);
  EXPECT_EQ(done.diagnostics().blank_pages(), 8u);
  EXPECT_FALSE(done.diagnostics().empty());
  EXPECT_EQ(done.render_ms(), 9);
  summary.is_empty = true;
  EXPECT_TRUE(ToResponses(summary, {}, absl::ZeroDuration())[0].done().diagnostics().empty());
}

}  // namespace
}  // namespace glyph::render
