// Plans beside what comes, under random profiles that crop.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>
#include <string>
#include <variant>

#include "nlohmann/json.hpp"
#include "render_service/pipeline/image_task.h"
#include "render_service/pipeline/text_task.h"
#include "tests/render_service/pipeline/random_text.h"

namespace glyph::render {
namespace {

// Image tokens that Hugging Face's smart_resize makes of an image without its upper limit.
uint64_t SmartResizeTokens(int width_px, int height_px) {
  constexpr double kMinPixels = 112 * 112;
  double width = width_px, height = height_px;
  if (width < 28 || height < 28) {
    const double scale = std::max(28 / height, 28 / width);
    height = std::trunc(height * scale), width = std::trunc(width * scale);
  }
  double columns = std::nearbyint(width / 28), rows = std::nearbyint(height / 28);
  if (2 * columns * rows * 28 * 28 < kMinPixels) {
    const double beta = std::sqrt(kMinPixels / (2 * width * height));
    columns = std::ceil(width * beta / 28), rows = std::ceil(height * beta / 28);
  }
  return static_cast<uint64_t>(columns * rows);
}

TEST(PlanBoundTest, BoundsTheTokensOfUploads) {
  std::mt19937 random(1);
  for (int i = 0; i < 200000; ++i) {
    const int limit = i % 2 == 0 ? 16384 : 120;
    const int width = static_cast<int>(random() % static_cast<uint32_t>(limit)) + 1;
    const int height = static_cast<int>(random() % static_cast<uint32_t>(limit)) + 1;
    ASSERT_GE(MaxVisualTokens(width, height), SmartResizeTokens(width, height))
        << width << "x" << height;
  }
}

class RandomProfile {
 public:
  explicit RandomProfile(uint32_t seed) : random_(seed) {}

  nlohmann::json Make(bool is_on_grid) {
    const int size = Between(6, 40);
    nlohmann::json json = {{"font_family", "Noto Sans CJK SC"},
                           {"font_file", "NotoSansCJK-Regular.ttc"},
                           {"font_face_index", 2},
                           {"font_size_px", size},
                           {"font_features", "kern=0,liga=0,clig=0,calt=0,dlig=0,ccmp=0,locl=0"},
                           {"line_pitch_px", Between(size, 2 * size)},
                           {"baseline_px", size},
                           {"margin_left_px", Between(0, 40)},
                           {"margin_right_px", Between(0, 40)},
                           {"margin_top_px", Between(0, 40)},
                           {"margin_bottom_px", Between(0, 40)},
                           {"page_width_px", Between(80 + size, 900)},
                           {"page_height_multiple", is_on_grid ? 28 : 1}};
    const int height = 28 * Between(8, 60);
    json["page_height_min_px"] = is_on_grid ? 28 * Between(1, 8) : height;
    json["page_height_max_px"] = height;
    json["page_heights"] = Between(0, 1) == 0 ? "equal" : "content";
    if (is_on_grid) {
      json["crop_last_page"] = true;
    } else {
      json["to_grid"] = "hf_resize";
      json["crop_margin_px"] = Between(1, 40);
      if (Between(0, 1) == 0) json["wrap_mode"] = "upstream";
    }
    return json;
  }
  // Some documents have only short lines.
  std::string Document() {
    std::string text = RandomText(static_cast<uint32_t>(random_())).Document();
    if (Between(0, 2) > 0) return text;
    const auto length = static_cast<size_t>(Between(1, 8));
    for (size_t i = length; i < text.size(); i += length + 1) {
      if ((text[i] & 0x80) == 0 && (text[i - 1] & 0x80) == 0) text[i] = '\n';
    }
    return text;
  }

 private:
  int Between(int first, int last) {
    return first + static_cast<int>(random_() % static_cast<uint32_t>(last - first + 1));
  }
  std::mt19937 random_;
};

struct Drawn {
  RenderPlan plan;
  uint32_t pages = 0;
  uint64_t tokens = 0;
  uint64_t most_of_a_page = 0;
  int last_height_px = 0;
};

Drawn Draw(const std::string& text, std::shared_ptr<const ResolvedProfile> profile) {
  WorkerTools tools;
  TextTask task(text, {.profile = std::move(profile), .lenient_utf8 = true, .max_pages = 256});
  Drawn drawn;
  while (true) {
    const auto event = task.Step(tools);
    if (!event.ok()) return {};  // more than 256 pages
    if (const auto* plan = std::get_if<RenderPlan>(&*event)) drawn.plan = *plan;
    if (const auto* page = std::get_if<RenderedPage>(&*event)) {
      const uint64_t tokens = SmartResizeTokens(page->width_px, page->height_px);
      ++drawn.pages;
      drawn.tokens += page->is_on_grid
                          ? static_cast<uint64_t>(page->width_px / 28 * (page->height_px / 28))
                          : tokens;
      drawn.most_of_a_page = std::max(drawn.most_of_a_page, tokens);
      drawn.last_height_px = page->height_px;
    }
    if (std::holds_alternative<RenderSummary>(*event)) return drawn;
  }
}

int NumRandomProfiles() {
  const char* count = std::getenv("GLYPH_RANDOM_DOCUMENTS");
  return count == nullptr ? 40 : std::atoi(count);
}

TEST(PlanBoundTest, BoundsCroppedPages) {
  const auto catalog = ProfileCatalog::Create("/usr/share/fonts").value();
  for (int seed = 0; seed < NumRandomProfiles(); ++seed) {
    RandomProfile random(static_cast<uint32_t>(seed));
    const std::string json = random.Make(/*is_on_grid=*/false).dump();
    const Drawn drawn = Draw(random.Document(), catalog->Resolve(json).value());
    ASSERT_EQ(drawn.plan.max_pages, drawn.pages) << json;
    ASSERT_GE(drawn.plan.max_visual_tokens, drawn.tokens) << json;
    ASSERT_LE(static_cast<double>(drawn.plan.max_visual_tokens),
              std::max(1.2 * static_cast<double>(drawn.tokens),
                       static_cast<double>(drawn.tokens + drawn.most_of_a_page)))
        << seed << " " << json;
  }
}

TEST(PlanBoundTest, IsExactOnTheGridAlsoWhereTheLastPageIsCropped) {
  const auto catalog = ProfileCatalog::Create("/usr/share/fonts").value();
  int num_cropped = 0;
  for (int seed = 0; seed < NumRandomProfiles(); ++seed) {
    RandomProfile random(static_cast<uint32_t>(seed));
    nlohmann::json json = random.Make(/*is_on_grid=*/true);
    const std::string text = random.Document();
    const Drawn cropped = Draw(text, catalog->Resolve(json.dump()).value());
    ASSERT_EQ(cropped.plan.max_pages, cropped.pages) << json;
    ASSERT_EQ(cropped.plan.max_visual_tokens, cropped.tokens) << json;
    ASSERT_EQ(cropped.plan.is_exact, cropped.pages > 0);
    json.erase("crop_last_page");
    const Drawn whole = Draw(text, catalog->Resolve(json.dump()).value());
    ASSERT_EQ(cropped.pages, whole.pages);
    ASSERT_LE(cropped.last_height_px, whole.last_height_px);
    num_cropped += cropped.last_height_px < whole.last_height_px ? 1 : 0;
  }
  EXPECT_GT(num_cropped, 0);
}

}  // namespace
}  // namespace glyph::render
