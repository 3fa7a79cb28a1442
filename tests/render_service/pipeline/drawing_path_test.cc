// The fast path gives the bytes of the reference path, and every build the same.
#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "render_service/pipeline/image_task.h"
#include "render_service/pipeline/text_task.h"
#include "tests/render_service/pipeline/golden_pages.h"
#include "tests/render_service/pipeline/odd_profiles.h"
#include "tests/render_service/pipeline/random_text.h"

namespace glyph::render {
namespace {

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
  // All events of both paths in turn; the first difference ends the test. The plan is exact, a
  // bound of the tokens where pages are not on the grid.
  void ExpectSameBytes(const std::string& text, std::shared_ptr<const ResolvedProfile> profile) {
    TextTaskOptions options = {.profile = std::move(profile),
                               .lenient_utf8 = true,
                               .max_pages = 256,
                               .has_clusters = true};
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
        if (golden_ != nullptr) golden_->Add(*page);
        ASSERT_TRUE(page->clusters == std::get<RenderedPage>(*expected).clusters);
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

  std::unique_ptr<ProfileCatalog> catalog_ = ProfileCatalog::Create("/usr/share/fonts").value();
  std::vector<std::shared_ptr<const ResolvedProfile>> profiles_ = OddProfiles(*catalog_);
  WorkerTools tools_;
  GoldenPages* golden_ = nullptr;  // of the pages drawn, if they have one
};

TEST_F(DrawingPathTest, GivesTheSameBytesForRandomDocuments) {
  GoldenPages golden;
  golden_ = &golden;
  for (int seed = 0; seed < NumRandomDocuments(); ++seed) {
    const std::string text = RandomText(static_cast<uint32_t>(seed)).Document();
    SCOPED_TRACE(testing::Message() << "document " << seed);
    // Documents of one profile after the other, so that workers keep their fonts.
    ExpectSameBytes(text, profiles_[static_cast<size_t>(seed) / 4 % profiles_.size()]);
    if (HasFatalFailure()) return;
    const int num_done = seed + 1;
    if (num_done % GoldenPages::kDocuments == 0) {
      golden.EndDocuments(num_done - GoldenPages::kDocuments);
    }
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
