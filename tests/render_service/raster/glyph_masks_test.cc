#include "render_service/raster/glyph_masks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "render_service/layout/page_layout.h"
#include "render_service/layout/profile_catalog.h"

namespace glyph::render {
namespace {

TEST(GlyphMasksTest, StaysWithinItsMemory) {
  const auto catalog = ProfileCatalog::Create("/usr/share/fonts").value();
  const auto nano = catalog->Find("nano").value();
  FontStyle style = nano->profile.font;
  style.size_px = 128;  // 12 kB a mask, so that 1,500 fill the memory
  const auto shaper = TextShaper::Create(*nano->font_file, style).value();
  GlyphMasks masks(*shaper);
  const GlyphMask& first = *masks.Find(1000);
  const std::vector<uint8_t> coverage(first.coverage(),
                                      first.coverage() + first.num_rows * first.row_bytes);
  for (uint32_t id = 1000; id < 4000; ++id) {
    ASSERT_TRUE(masks.Find(id));
    ASSERT_LE(masks.num_bytes(), GlyphMasks::kMaxBytes);
  }
  EXPECT_TRUE(std::equal(coverage.begin(), coverage.end(), masks.Find(1000)->coverage()));
}

TEST(GlyphMasksTest, HasNoMaskOfWhatIsNoGlyph) {
  const auto catalog = ProfileCatalog::Create("/usr/share/fonts").value();
  const auto nano = catalog->Find("nano").value();
  const auto shaper = TextShaper::Create(*nano->font_file, nano->profile.font).value();
  GlyphMasks masks(*shaper);
  EXPECT_FALSE(masks.Find(WithFace(1, 1)));
  EXPECT_TRUE(masks.Find(1));
}

// Columns from the pen to the middle of the coverage.
double MiddleOf(const GlyphMask& mask) {
  double sum = 0, moment = 0;
  for (int i = 0; i < mask.num_rows * mask.row_bytes; ++i) {
    sum += mask.coverage()[i];
    moment += mask.coverage()[i] * (mask.left + i % mask.row_bytes);
  }
  return moment / sum;
}

TEST(GlyphMasksTest, MovesGlyphsByQuartersOfAPixel) {
  const auto catalog = ProfileCatalog::Create("/usr/share/fonts").value();
  const auto upstream = catalog->Find("glyph-upstream").value();
  const auto shaper = TextShaper::Create(*upstream->font_file, upstream->profile.font).value();
  GlyphMasks masks(*shaper);
  for (const uint32_t id : {40u, 70u, 20000u}) {
    const double middle = MiddleOf(*masks.Find(id));
    for (uint32_t quarters = 1; quarters < 4; ++quarters) {
      EXPECT_NEAR(MiddleOf(*masks.Find(WithQuarters(id, quarters))), middle + quarters / 4.0, 0.05);
    }
  }
  EXPECT_FALSE(masks.Find(WithFace(1, 1)));
}

// The bytes of many masks of all faces of `profile`, or on all quarters of a pixel where it has
// those, drawn by a worker of its own.
std::vector<uint8_t> DrawAllFaces(const ResolvedProfile& profile) {
  const auto shaper = TextShaper::Create(*profile.font_file, profile.profile.font).value();
  const bool has_quarters = shaper->units_per_px() != 1;
  GlyphMasks masks(*shaper);
  std::vector<uint8_t> out;
  for (uint32_t glyph = 20; glyph < 60; ++glyph) {
    for (uint32_t i = 0; i < (has_quarters ? 4 : shaper->num_faces()); ++i) {
      const GlyphMask* mask =
          masks.Find(has_quarters ? WithQuarters(glyph, i) : WithFace(glyph, i));
      if (mask == nullptr) continue;  // no such glyph
      out.insert(out.end(), mask->coverage(), mask->coverage() + mask->num_rows * mask->row_bytes);
    }
  }
  return out;
}

// Cairo's faces are shared by all threads (fonts/cairo_mutex.h).
TEST(GlyphMasksTest, WorkersDrawTheSameGlyphsAtOnce) {
  const auto catalog = ProfileCatalog::Create("/usr/share/fonts").value();
  for (const char* name : {"noto-1024", "glyph-upstream"}) {
    const auto profile = catalog->Find(name).value();
    const std::vector<uint8_t> alone = DrawAllFaces(*profile);
    std::vector<std::vector<uint8_t>> drawn(4);
    std::vector<std::thread> workers;
    for (auto& out : drawn) {
      workers.emplace_back([&out, &profile] { out = DrawAllFaces(*profile); });
    }
    for (std::thread& worker : workers) worker.join();
    for (const auto& out : drawn) EXPECT_TRUE(out == alone);
  }
}

}  // namespace
}  // namespace glyph::render
