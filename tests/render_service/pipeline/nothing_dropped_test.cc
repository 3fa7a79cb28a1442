// Every character of a document that is not white space is drawn, once, in the box that the source
// map gives it.
#include <gtest/gtest.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <string>
#include <vector>

#include "render_service/layout/document_layout.h"
#include "render_service/pipeline/worker_tools.h"
#include "render_service/text/decode.h"
#include "tests/render_service/pipeline/odd_profiles.h"
#include "tests/render_service/pipeline/random_text.h"

namespace glyph::render {
namespace {

class NothingDroppedTest : public ::testing::Test {
 protected:
  std::vector<PageLayout> LayOut(const SourceText& source, const ResolvedProfile& profile) {
    DocumentLayout layout(source, profile.profile,
                          {.max_pages = 256, .num_pages = 1, .has_clusters = true});
    font_ = tools_.ToolsFor(profile, layout.uses_han_font()).value();
    LearnedFont* learned = font_->learned ? &*font_->learned : nullptr;
    while (!layout.Advance(*font_->shaper, learned, 65536).value()) {
    }
    return std::move(layout.pages());
  }

  // No cluster has the bytes from `begin` to `end`: they are white space, a byte-order mark, or
  // what upstream takes out or dissolves into space.
  void ExpectNotDrawn(std::string_view source, size_t begin, size_t end, bool is_upstream) {
    while (begin < end) {
      const DecodedCharacter c = DecodeAt(source, begin);
      const bool is_nothing = c.code_point == 0xFEFF && begin == 0;
      const bool is_dissolved =
          is_upstream && (c.code_point == 0xAD || c.code_point == 0x200B || c.code_point < 0x20);
      EXPECT_TRUE(IsWhiteSpace(c.code_point) || is_nothing || is_dissolved)
          << "byte " << begin << ", U+" << std::hex << static_cast<uint32_t>(c.code_point);
      begin += c.length;
    }
  }

  // The pens of the glyphs and hex boxes of `line`.
  std::vector<int> Pens(const PageLayout& page, const PlacedLine& line) {
    std::vector<int> pens;
    for (uint32_t i = line.first_glyph; i < line.end_glyph; ++i) pens.push_back(page.glyphs[i].x);
    for (const PlacedBox& box : page.boxes) {
      if (box.y >= line.y && box.y < line.y + 2 * line.height) pens.push_back(box.x);
    }
    std::sort(pens.begin(), pens.end());
    return pens;
  }

  // A base goes to another face with its marks.
  static bool IsBeforeMark(std::string_view source, uint32_t offset) {
    if (offset == source.size()) return false;
    const auto c = static_cast<UChar32>(DecodeAt(source, offset).code_point);
    return (U_GET_GC_MASK(c) & U_GC_M_MASK) != 0;
  }

  // Something is drawn in the box of every cluster with ink; of a plain character, its glyph.
  void CheckLine(std::string_view source, const PageLayout& page, const PlacedLine& line,
                 bool is_upstream) {
    const std::vector<int> pens = Pens(page, line);
    for (uint32_t i = line.first_cluster; i < line.end_cluster; ++i) {
      const PlacedCluster& cluster = page.clusters[i];
      ASSERT_LT(cluster.source_begin, cluster.source_end);
      ASSERT_GE(cluster.x, 0);
      ASSERT_GE(cluster.width, 0);
      const DecodedCharacter c = DecodeAt(source, cluster.source_begin);
      if (cluster.source_begin + c.length == cluster.source_end &&
          !IsBeforeMark(source, cluster.source_end) &&
          GlyphId(static_cast<UChar32>(c.code_point)) != 0) {
        CheckGlyph(static_cast<UChar32>(c.code_point), cluster, page, line);
      } else if (cluster.width > 0 && !IsWhiteSpace(c.code_point) && !is_upstream) {
        const auto pen = std::lower_bound(pens.begin(), pens.end(), cluster.x - cell_slack_px_);
        EXPECT_TRUE(pen != pens.end() && *pen <= cluster.x + cluster.width)
            << "byte " << cluster.source_begin;
      }
    }
  }

  // 0: not plain, or white.
  uint32_t GlyphId(UChar32 c) {
    if (c >= 0x10000 || !font_->learned) return 0;
    const PlainGlyph* glyph = font_->learned->glyphs.Find(static_cast<char16_t>(c));
    return glyph != nullptr ? glyph->id : 0;
  }

  // Brackets from right to left are mirrored; in cells characters stand in the middle.
  void CheckGlyph(UChar32 c, const PlacedCluster& cluster, const PageLayout& page,
                  const PlacedLine& line) {
    const uint32_t id = GlyphId(c);
    const uint32_t mirrored = GlyphId(u_charMirror(c));
    const auto begin = page.glyphs.begin() + line.first_glyph;
    const auto end = page.glyphs.begin() + line.end_glyph;
    EXPECT_TRUE(std::any_of(begin, end,
                            [&](const PlacedGlyph& glyph) {
                              return (GlyphOf(glyph.id) == id || GlyphOf(glyph.id) == mirrored) &&
                                     glyph.x >= cluster.x - cell_slack_px_ &&
                                     glyph.x <= cluster.x + cluster.width;
                            }))
        << "byte " << cluster.source_begin << ", U+" << std::hex << c;
  }

  void Check(const std::string& text, const ResolvedProfile& profile) {
    const SourceText source = SourceText::Create(text, true).value();
    const bool is_upstream = profile.profile.wrap == WrapMode::kUpstream;
    cell_slack_px_ =
        profile.profile.styles ? static_cast<int>(profile.profile.font.size_px) / 2 : 0;
    size_t drawn = 0;  // bytes
    for (const PageLayout& page : LayOut(source, profile)) {
      uint32_t next_cluster = 0;
      for (const PlacedLine& line : page.lines) {
        ASSERT_EQ(line.first_cluster, next_cluster);
        next_cluster = line.end_cluster;
        for (uint32_t i = line.first_cluster; i < line.end_cluster; ++i) {
          ASSERT_GE(page.clusters[i].source_begin, drawn);
          ExpectNotDrawn(text, drawn, page.clusters[i].source_begin, is_upstream);
          drawn = page.clusters[i].source_end;
        }
        CheckLine(text, page, line, is_upstream);
      }
      ASSERT_EQ(next_cluster, page.clusters.size());
    }
    ExpectNotDrawn(text, drawn, text.size(), is_upstream);
  }

  std::unique_ptr<ProfileCatalog> catalog_ = ProfileCatalog::Create("/usr/share/fonts").value();
  WorkerTools tools_;
  FontTools* font_ = nullptr;
  int cell_slack_px_ = 0;  // how far wide characters may stick out of the cells of code
};

// A window of this document ends where a line begins, between the characters of a newline mark.
TEST_F(NothingDroppedTest, WhereAWindowEndsInsideANewlineMark) {
  const auto profiles = OddProfiles(*catalog_);
  Check(RandomText(174).Document(), *profiles[3]);
}

// The reference path has the same clusters: drawing_path_test.cc.
TEST_F(NothingDroppedTest, InRandomDocuments) {
  const auto profiles = OddProfiles(*catalog_);
  for (uint32_t seed = 0; seed < static_cast<uint32_t>(NumRandomDocuments()) / 2; ++seed) {
    SCOPED_TRACE(testing::Message() << "document " << seed);
    Check(RandomText(seed).Document(), *profiles[seed / 4 % profiles.size()]);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace glyph::render
