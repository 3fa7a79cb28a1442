// The fast path gives the bytes of the reference path.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <variant>
#include <vector>

#include "render_service/pipeline/image_task.h"
#include "render_service/pipeline/text_task.h"
#include "tests/render_service/pipeline/random_text.h"

namespace glyph::render {
namespace {

// GLYPH_RANDOM_DOCUMENTS: how many documents are drawn; 300 when unset.
int NumDocuments() {
  const char* count = std::getenv("GLYPH_RANDOM_DOCUMENTS");
  return count != nullptr ? std::atoi(count) : 300;
}

std::string Describe(const RenderEvent& event) {
  std::string text;
  const auto add = [&](const char* name, uint64_t value) {
    text += name;
    text += '=' + std::to_string(value) + ' ';
  };
  if (const auto* plan = std::get_if<RenderPlan>(&event)) {
    add("plan pages", plan->max_pages);
    add("tokens", plan->max_visual_tokens);
    add("characters", plan->characters);
  }
  if (const auto* page = std::get_if<RenderedPage>(&event)) {
    add("page", page->index);
    add("width", static_cast<uint64_t>(page->width_px));
    add("height", static_cast<uint64_t>(page->height_px));
    text += base::ToHex(page->key) + '\n';
    for (const PlacedLine& line : page->lines) {
      add("source", line.source_begin);
      add("to", line.source_end);
      for (const int value : {line.x, line.y, line.width, line.height}) {
        text += std::to_string(value) + ' ';
      }
      add("glyphs", line.first_glyph);
      add("to", line.end_glyph);
    }
  }
  if (const auto* summary = std::get_if<RenderSummary>(&event)) {
    add("pages", summary->pages);
    add("replaced", summary->replaced_bytes);
    add("missing", summary->oddities.missing_glyphs);
    add("controls", summary->oddities.control_characters);
    add("capped", summary->oddities.capped_marks);
    add("blank", summary->blank_pages);
  }
  return text;
}

class DrawingPathTest : public ::testing::Test {
 protected:
  // A shipped profile with a font size, a geometry and rules of its own.
  std::shared_ptr<const ResolvedProfile> Odd(uint8_t number, double size_px, double pitch_px,
                                             int width_px, int margin_px, WrapMode wrap,
                                             PageHeights heights) {
    auto odd = std::make_shared<ResolvedProfile>(*catalog_->Find("nano").value());
    odd->fingerprint[0] = number;
    RenderProfile& profile = odd->profile;
    profile.font.size_px = size_px;
    profile.line_pitch_px = pitch_px;
    profile.page_width_px = width_px;
    profile.margin_left_px = profile.margin_right_px = margin_px;
    profile.max_lines = 0;
    profile.page_height_max_px = 560;
    profile.wrap = wrap;
    profile.heights = heights;
    return odd;
  }

  // `profile` with styles.
  std::shared_ptr<const ResolvedProfile> Styled(uint8_t number, const ResolvedProfile& profile) {
    auto styled = std::make_shared<ResolvedProfile>(profile);
    styled->fingerprint[0] = number;
    styled->profile.styles = TextStyles{.heading_rows_before = 1,
                                        .list_indent_px = 40,
                                        .quote_indent_px = 20,
                                        .code_cell_px = 9,
                                        .table_column_max_px = 120,
                                        .table_gap_px = 6};
    return styled;
  }

  // glyph-upstream with newline marks, or cropped so much that pages may be tiny.
  std::shared_ptr<const ResolvedProfile> Upstream(uint8_t number, bool has_marks) {
    auto upstream = std::make_shared<ResolvedProfile>(*catalog_->Find("glyph-upstream").value());
    upstream->fingerprint[0] = number;
    upstream->profile.newline_mark = has_marks;
    if (has_marks) return upstream;
    upstream->profile.margin_left_px = upstream->profile.margin_top_min_px = 0;
    upstream->profile.crop_margin_px = 1;
    return upstream;
  }

  // All events of both paths in turn; the first difference ends the test. The plan is exact, a
  // bound of the tokens where pages are not on the grid.
  void ExpectSameBytes(const std::string& text, std::shared_ptr<const ResolvedProfile> profile) {
    TextTaskOptions options = {
        .profile = std::move(profile), .lenient_utf8 = true, .max_pages = 256};
    TextTask fast(text, options);
    options.path = DrawingPath::kReference;
    TextTask reference(text, options);
    RenderPlan plan;
    uint64_t tokens = 0;
    uint32_t pages = 0;
    bool is_on_grid = true;
    while (true) {
      const auto event = NextEvent(fast), expected = NextEvent(reference);
      ASSERT_EQ(event.status(), expected.status());
      if (!event.ok()) return;
      ASSERT_EQ(Describe(*event), Describe(*expected));
      if (const auto* its_plan = std::get_if<RenderPlan>(&*event)) plan = *its_plan;
      if (const auto* page = std::get_if<RenderedPage>(&*event)) {
        is_on_grid = page->is_on_grid;
        tokens += is_on_grid ? static_cast<uint64_t>(page->width_px / 28 * (page->height_px / 28))
                             : MaxVisualTokens(page->width_px, page->height_px);
        ++pages;
        ASSERT_TRUE(page->pixels == std::get<RenderedPage>(*expected).pixels);
      }
      if (!std::holds_alternative<RenderSummary>(*event)) continue;
      ASSERT_EQ(plan.max_pages, pages);
      ASSERT_GE(plan.max_visual_tokens, tokens);
      ASSERT_TRUE(!is_on_grid || plan.max_visual_tokens == tokens);
      return;
    }
  }

  absl::StatusOr<RenderEvent> NextEvent(TextTask& task) {
    while (true) {
      absl::StatusOr<RenderEvent> event = task.Step(tools_);
      if (!event.ok() || !std::holds_alternative<std::monostate>(*event)) return event;
    }
  }

  std::unique_ptr<ProfileCatalog> catalog_ =
      ProfileCatalog::Create("/usr/share/fonts/opentype/noto").value();
  std::vector<std::shared_ptr<const ResolvedProfile>> profiles_ = {
      catalog_->Find("nano").value(),
      catalog_->Find("noto-1024").value(),
      catalog_->Find("glyph-upstream").value(),
      Upstream(4, true),
      Upstream(7, false),
      Odd(1, 11.5, 13.37, 84, 1, WrapMode::kUnicode, PageHeights::kContent),
      Odd(2, 23.25, 20.1, 300, 0, WrapMode::kSpaces, PageHeights::kContent),
      Odd(3, 14, 19.6, 400, 8, WrapMode::kUnicode, PageHeights::kEqual),
      Styled(5, *catalog_->Find("noto-1024").value()),
      Styled(6, *Odd(3, 14, 19.6, 400, 8, WrapMode::kUnicode, PageHeights::kContent)),
  };
  WorkerTools tools_;
};

TEST_F(DrawingPathTest, GivesTheSameBytesForRandomDocuments) {
  for (int seed = 0; seed < NumDocuments(); ++seed) {
    const std::string text = RandomText(static_cast<uint32_t>(seed)).Document();
    SCOPED_TRACE(testing::Message() << "document " << seed);
    // Documents of one profile after the other, so that workers keep their fonts.
    ExpectSameBytes(text, profiles_[static_cast<size_t>(seed) / 4 % profiles_.size()]);
    if (HasFatalFailure()) return;
  }
}

TEST_F(DrawingPathTest, GivesTheSameBytesForHardLinesOfManyWindows) {
  std::string words, ideographs, spaces = "a", tabs;
  for (int i = 0; i < 3000; ++i) {
    words += "word" + std::to_string(i * 7919 % 1000) + (i % 7 == 0 ? ", " : " ");
    ideographs += i % 9 == 0 ? "\u3002" : i % 31 == 0 ? "12" : "\u6587";
    spaces += "     ";
    tabs += i % 3 == 0 ? "a\t" : "\t";
  }
  for (const std::string& text : {words, ideographs, spaces + "b", tabs, std::string(9000, 'x')}) {
    for (const auto& profile : profiles_) ExpectSameBytes(text, profile);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace glyph::render
