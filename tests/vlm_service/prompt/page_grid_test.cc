#include "vlm_service/prompt/page_grid.h"

#include <fstream>
#include <sstream>
#include <string>

#include "gtest/gtest.h"
#include "proto/rpc/error.h"

namespace glyph::vlm {
namespace {

// tests/golden/prompt/grids.txt, made by tests/reference/prompt.
TEST(PageGrid, ResizesAsHuggingFace) {
  std::ifstream file("tests/golden/prompt/grids.txt");
  int num_lines = 0;
  int num_errors = 0;
  for (std::string line; std::getline(file, line); ++num_lines) {
    std::istringstream fields(line);
    PageLimits limits;
    int32_t width = 0;
    int32_t height = 0;
    ResizedSize expected;
    fields >> limits.temporal_patch >> limits.min_pixels >> limits.max_pixels >> width >> height;
    const bool fits = static_cast<bool>(fields >> expected.width >> expected.height);

    const auto size = SmartResize(width, height, limits);

    ASSERT_EQ(size.ok(), fits) << line;
    if (!fits) {
      ++num_errors;
      EXPECT_EQ(rpc::GetErrorDetails(size.status()).reason, "PAGE_TOO_NARROW") << line;
      continue;
    }
    EXPECT_EQ(size->width, expected.width) << line;
    EXPECT_EQ(size->height, expected.height) << line;
  }
  EXPECT_EQ(num_lines, 3 * (32 * 32 + 300));
  EXPECT_GT(num_errors, 100);
}

TEST(PageGrid, UploadsTakeTheGridOfTheirResizedSize) {
  const auto grid = PageGridOf(PageOrigin::kUploaded, 300, 200, PageLimits());
  ASSERT_TRUE(grid.ok());
  EXPECT_EQ(grid->rows, 7);   // 196 px
  EXPECT_EQ(grid->cols, 11);  // 308 px
}

TEST(PageGrid, RenderedPagesAreTakenAsTheyAre) {
  PageLimits limits;
  limits.min_pixels = 1 << 20;  // count for uploads only
  limits.max_pixels = 1 << 20;
  for (const auto& [width, height] :
       {std::pair(28, 28), std::pair(532, 280), std::pair(1036, 16380)}) {
    const auto grid = PageGridOf(PageOrigin::kRendered, width, height, limits);
    ASSERT_TRUE(grid.ok()) << grid.status();
    EXPECT_EQ(grid->rows, height / 28);
    EXPECT_EQ(grid->cols, width / 28);
  }
}

TEST(PageGrid, RefusesRenderedPagesOffTheGrid) {
  for (const auto& [width, height] :
       {std::pair(27, 28), std::pair(28, 29), std::pair(14, 28), std::pair(1024, 28)}) {
    const auto grid = PageGridOf(PageOrigin::kRendered, width, height, PageLimits());
    EXPECT_EQ(rpc::GetErrorDetails(grid.status()).reason, "PAGE_NOT_ON_GRID")
        << width << " x " << height;
  }
}

TEST(PageGrid, RefusesSidesOutsideTheLimits) {
  const std::pair<int32_t, int32_t> sizes[] = {
      {0, 28}, {28, 0}, {-28, 28}, {kMaxPageSidePx + 1, 28}, {28, INT32_MAX}, {INT32_MIN, 28}};
  for (const auto origin : {PageOrigin::kRendered, PageOrigin::kUploaded}) {
    for (const auto& [width, height] : sizes) {
      const auto grid = PageGridOf(origin, width, height, PageLimits());
      EXPECT_EQ(rpc::GetErrorDetails(grid.status()).reason, "PAGE_SIZE_OUT_OF_RANGE")
          << width << " x " << height;
    }
  }
  EXPECT_TRUE(PageGridOf(PageOrigin::kUploaded, kMaxPageSidePx, kMaxPageSidePx, PageLimits()).ok());
  EXPECT_TRUE(PageGridOf(PageOrigin::kUploaded, 1, 1, PageLimits()).ok());
}

}  // namespace
}  // namespace glyph::vlm
