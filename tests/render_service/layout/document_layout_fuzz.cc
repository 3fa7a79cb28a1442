// Any text under any profile of the shipped style. The first bytes choose the profile.
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/base/check.h"
#include "render_service/layout/document_layout.h"
#include "render_service/layout/profile_catalog.h"

namespace glyph::render {
namespace {

constexpr size_t kProfileBytes = 12;
constexpr uint32_t kMaxPages = 64;

std::string Styles(const uint8_t* d) {
  return absl::StrCat(R"(,"styles":{"heading_rows_before":)", d[0] % 4, R"(,"list_indent_px":)",
                      d[1] % 60, R"(,"quote_indent_px":)", d[2] % 60, R"(,"code_cell_px":)",
                      d[3] % 20, R"(,"table_column_max_px":)", d[4] % 4 * 60, R"(,"table_gap_px":)",
                      d[5] % 20, "}");
}

std::string ProfileJson(const uint8_t* d) {
  const int max_height = kGridPx * (1 + d[0] % 20);
  return absl::StrCat(
      R"({"font_family":"Noto Sans CJK SC","font_file":"NotoSansCJK-Regular.ttc","font_face_index":2,)",
      R"("font_size_px":14,"font_features":"kern=0,liga=0,clig=0,calt=0,dlig=0,ccmp=0,locl=0",)",
      R"("line_pitch_px":)", d[1] % 60 + (d[2] % 4) * 0.25, R"(,"baseline_px":)", d[3] % 40,
      R"(,"margin_left_px":)", d[4] % 40, R"(,"margin_right_px":)", d[5] % 40,
      R"(,"margin_top_px":)", d[6] % 60, R"(,"margin_bottom_px":)", d[7] % 60,
      R"(,"page_width_px":)", 1 + d[8] * 4,
      R"(,"page_height_multiple":28,"page_height_min_px":28,)", R"("page_height_max_px":)",
      max_height, d[9] % 4 == 0 ? absl::StrCat(R"(,"max_lines":)", d[9] / 4) : "",
      R"(,"wrap_mode":")", d[10] % 2 == 0 ? "spaces" : "unicode", R"(","page_heights":")",
      d[11] % 2 == 0 ? "equal" : "content", "\"", d[11] % 4 < 2 ? "" : Styles(d), "}");
}

struct Tools {
  std::unique_ptr<ProfileCatalog> catalog = ProfileCatalog::Create("/usr/share/fonts").value();
  std::unique_ptr<TextShaper> shaper;  // of the style that all profiles here have
  std::optional<LearnedFont> learned;

  Tools() {
    const auto nano = catalog->Find("nano").value();
    shaper = TextShaper::Create(*nano->font_file, nano->profile.font).value();
    learned.emplace(*shaper);
  }
};

// In the order of the source, inside the line's bytes and right of its left edge. A line that holds
// nothing but an inserted dotted circle has none.
void CheckClusters(const PageLayout& page, const PlacedLine& line) {
  GLYPH_CHECK(line.first_cluster <= line.end_cluster && line.end_cluster <= page.clusters.size());
  uint32_t source = line.source_begin;
  for (uint32_t i = line.first_cluster; i < line.end_cluster; ++i) {
    const PlacedCluster& cluster = page.clusters[i];
    GLYPH_CHECK(source <= cluster.source_begin && cluster.source_begin < cluster.source_end);
    GLYPH_CHECK(cluster.x >= line.x && cluster.width >= 0);
    source = cluster.source_end;
  }
  GLYPH_CHECK(source <= line.source_end);
}

void CheckPage(const PageLayout& page, const RenderProfile& profile, size_t source_bytes) {
  GLYPH_CHECK(page.width_px == profile.padded_width_px() && page.height_px % kGridPx == 0);
  GLYPH_CHECK(page.height_px > 0 && page.height_px <= profile.page_height_max_px);
  GLYPH_CHECK(!page.lines.empty());
  for (const PlacedLine& line : page.lines) {
    GLYPH_CHECK(line.source_begin <= line.source_end && line.source_end <= source_bytes);
    GLYPH_CHECK(line.x >= 0 && line.width >= 0 && line.x + line.width <= page.width_px);
    GLYPH_CHECK(line.y >= 0 && line.height > 0 && line.y < page.height_px);
    GLYPH_CHECK(line.first_glyph <= line.end_glyph && line.end_glyph <= page.glyphs.size());
    CheckClusters(page, line);
  }
}

// nullopt: there are too many pages. Without a number of pages rows are counted, by the table; else
// all is shaped.
std::optional<std::vector<PageLayout>> LayOut(const SourceText& source,
                                              const RenderProfile& profile, Tools& tools,
                                              uint32_t num_pages) {
  DocumentLayout layout(source, profile,
                        {.max_pages = kMaxPages, .num_pages = num_pages, .has_clusters = true});
  while (true) {
    const auto finished =
        layout.Advance(*tools.shaper, num_pages == 0 ? &*tools.learned : nullptr, 500);
    if (!finished.ok()) return std::nullopt;
    if (*finished) break;
  }
  GLYPH_CHECK(layout.pages().size() <= kMaxPages);
  return std::move(layout.pages());
}

void Check(const uint8_t* data, size_t size) {
  static Tools& tools = *new Tools;
  const auto resolved = tools.catalog->Resolve(ProfileJson(data));
  if (!resolved.ok()) return;
  const RenderProfile& profile = (*resolved)->profile;
  const auto source = SourceText::Create(
      std::string(reinterpret_cast<const char*>(data) + kProfileBytes, size - kProfileBytes), true);
  const auto counted = LayOut(*source, profile, tools, 0);
  if (!counted) return;
  const auto pages = LayOut(*source, profile, tools, static_cast<uint32_t>(counted->size()));
  GLYPH_CHECK(pages && pages->size() == counted->size());
  for (size_t i = 0; i < pages->size(); ++i) {
    const PageLayout& page = (*pages)[i];
    GLYPH_CHECK(page.num_rows == (*counted)[i].num_rows);
    GLYPH_CHECK(page.width_px == (*counted)[i].width_px);
    CheckPage(page, profile, source->bytes().size());
  }
}

}  // namespace
}  // namespace glyph::render

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size >= glyph::render::kProfileBytes) glyph::render::Check(data, size);
  return 0;
}
