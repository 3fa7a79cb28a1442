// Layouts of documents as text, glyph by glyph: tests/golden/layout/PROFILE/DOCUMENT beside
// DOCUMENT.layout, and of some their first page as DOCUMENT.png. PROFILE is a shipped one, or its
// folder holds profile.json.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "render_service/images/image_decoder.h"
#include "render_service/layout/document_layout.h"
#include "render_service/pipeline/text_task.h"
#include "tests/render_service/pipeline/golden_pages.h"

namespace glyph::render {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = "tests/golden/layout";

std::string ReadFile(const fs::path& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

std::vector<fs::path> Documents() {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::recursive_directory_iterator(kFolder)) {
    const fs::path extension = entry.path().extension();
    if (extension == ".txt" || extension == ".md") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string Escape(std::string_view bytes) {
  return absl::Utf8SafeCEscape(absl::string_view(bytes.data(), bytes.size()));
}

// Of a line: its bytes, its box, its text, the left edges of its clusters ("<": from right to
// left), and its glyphs at their pens, with the distance from the baseline where they are not on
// it.
std::string DescribeLine(std::string_view source, const PageLayout& page, const PlacedLine& line,
                         int baseline_px) {
  std::string text = absl::StrFormat(
      "  bytes %d-%d, %dx%d px at (%d, %d): %s\n    clusters", line.source_begin, line.source_end,
      line.width, line.height, line.x, line.y,
      Escape(source.substr(line.source_begin, line.source_end - line.source_begin)));
  for (uint32_t i = line.first_cluster; i < line.end_cluster; ++i) {
    const PlacedCluster& cluster = page.clusters[i];
    absl::StrAppend(&text, cluster.is_rtl ? " <" : " ", cluster.x);
  }
  absl::StrAppend(&text, "\n    glyphs");
  for (uint32_t i = line.first_glyph; i < line.end_glyph; ++i) {
    const PlacedGlyph& glyph = page.glyphs[i];
    absl::StrAppend(&text, " ", GlyphOf(glyph.id), "@", glyph.x);
    if (QuartersOf(glyph.id) > 0) absl::StrAppend(&text, "+", QuartersOf(glyph.id), "/4");
    const int rise = line.y + baseline_px - glyph.y;
    if (rise != 0) absl::StrAppend(&text, "^", rise);
  }
  return text + "\n";
}

std::string DescribePage(std::string_view source, const PageLayout& page, int baseline_px) {
  std::string text =
      absl::StrFormat("page of %dx%d px, %d rows\n", page.width_px, page.height_px, page.num_rows);
  for (const PlacedLine& line : page.lines) text += DescribeLine(source, page, line, baseline_px);
  for (const PlacedBox& box : page.boxes) {
    absl::StrAppendFormat(&text, "  hex box U+%04X at (%d, %d)\n",
                          static_cast<uint32_t>(box.code_point), box.x, box.y);
  }
  return text;
}

class GoldenLayoutTest : public ::testing::TestWithParam<fs::path> {
 protected:
  std::shared_ptr<const ResolvedProfile> ProfileOf(const fs::path& folder) {
    const fs::path json = folder / "profile.json";
    return fs::exists(json) ? catalog_->Resolve(ReadFile(json)).value()
                            : catalog_->Find(folder.filename().string()).value();
  }

  std::string Describe(const std::string& bytes, const ResolvedProfile& profile) {
    const SourceText source = SourceText::Create(bytes, true).value();
    const auto lay_out = [&](uint32_t num_pages) {
      DocumentLayout layout(source, profile.profile,
                            {.max_pages = 256, .num_pages = num_pages, .has_clusters = true});
      FontTools& font = *tools_.ToolsFor(profile, layout.uses_han_font()).value();
      LearnedFont* learned = font.learned ? &*font.learned : nullptr;
      while (!layout.Advance(*font.shaper, learned, 65536).value()) {
      }
      return std::move(layout.pages());
    };
    std::string text;
    for (const PageLayout& page : lay_out(static_cast<uint32_t>(lay_out(0).size()))) {
      text += DescribePage(bytes, page, profile.profile.baseline_px);
    }
    return text;
  }

  std::unique_ptr<ProfileCatalog> catalog_ = ProfileCatalog::Create("/usr/share/fonts").value();
  WorkerTools tools_;
};

TEST_P(GoldenLayoutTest, IsAsItWas) {
  const std::string layout = Describe(ReadFile(GetParam()), *ProfileOf(GetParam().parent_path()));
  const fs::path golden = GetParam().string() + ".layout";
  if (WritesGoldens()) std::ofstream(golden, std::ios::binary) << layout;
  EXPECT_EQ(ReadFile(golden), layout);
}

// `glyph render` makes the PNG.
TEST_P(GoldenLayoutTest, LooksAsItDid) {
  const std::string png = ReadFile(GetParam().string() + ".png");
  if (png.empty()) return;
  const DecodedImage golden = DecodeImage(png).value();
  TextTask task(ReadFile(GetParam()),
                {.profile = ProfileOf(GetParam().parent_path()), .max_pages = 256});
  RenderEvent event;
  while (!std::holds_alternative<RenderedPage>(event)) event = task.Step(tools_).value();
  const RenderedPage& page = std::get<RenderedPage>(event);
  ASSERT_EQ(page.width_px, golden.width_px);
  ASSERT_EQ(page.height_px, golden.height_px);
  size_t num_different = 0;
  for (size_t i = 0; i < page.pixels.size(); ++i) {
    num_different += page.pixels[i] != golden.rgb[3 * i];
  }
  EXPECT_EQ(num_different, 0u);
}

INSTANTIATE_TEST_SUITE_P(Documents, GoldenLayoutTest, ::testing::ValuesIn(Documents()),
                         [](const auto& info) {
                           std::string name = fs::relative(info.param, kFolder).string();
                           for (char& c : name) c = absl::ascii_isalnum(c) ? c : '_';
                           return name;
                         });

}  // namespace
}  // namespace glyph::render
