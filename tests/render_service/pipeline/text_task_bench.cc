// How fast one worker lays out and draws long texts. Prints processor time, so that other work on
// the machine counts little; fails only when drawing has become absurdly slow.
#include <gtest/gtest.h>

#include <cstdio>
#include <ctime>
#include <random>
#include <string>
#include <variant>

#include "render_service/pipeline/text_task.h"

namespace glyph::render {
namespace {

constexpr double kLeastKilobytesPerSecond = 50;

double Seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

std::string English(size_t bytes) {
  std::mt19937 random(1);
  std::string text;
  while (text.size() < bytes) {
    for (size_t letters = 1 + random() % 9; letters > 0; --letters) {
      text += static_cast<char>('a' + random() % 26);
    }
    text += random() % 80 == 0 ? ".\n" : random() % 12 == 0 ? ", " : " ";
  }
  return text;
}

// The 3,000 ideographs from U+4E00, which is about what a Chinese text uses.
std::string Chinese(size_t bytes) {
  std::mt19937 random(1);
  std::string text;
  while (text.size() < bytes) {
    const uint32_t c = 0x4E00 + random() % 3000;
    text += {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 63)),
             static_cast<char>(0x80 | (c & 63))};
    if (random() % 60 == 0) text += "\xE3\x80\x82\n";
  }
  return text;
}

// Draws `text` once and prints its speed. Returns kB/s.
double Measure(const char* name, const std::string& text, const ProfileCatalog& catalog,
               WorkerTools& tools) {
  TextTask task(text, {.profile = catalog.Find("noto-1024").value(), .max_pages = 256});
  const double start = Seconds();
  double planned = start;
  uint32_t pages = 0;
  while (true) {
    const RenderEvent event = task.Step(tools).value();
    if (std::holds_alternative<RenderPlan>(event)) planned = Seconds();
    if (const auto* summary = std::get_if<RenderSummary>(&event)) {
      pages = summary->pages;
      break;
    }
  }
  const double kilobytes = static_cast<double>(text.size()) / 1000;
  const double layout = planned - start;
  const double drawing = Seconds() - planned;
  std::printf("%s: %.0f kB, %u pages, layout %.0f kB/s, drawing %.0f kB/s, both %.0f kB/s\n", name,
              kilobytes, pages, kilobytes / layout, kilobytes / drawing,
              kilobytes / (layout + drawing));
  return kilobytes / (layout + drawing);
}

TEST(TextTaskBench, DrawsLongTexts) {
  const auto catalog = ProfileCatalog::Create("/usr/share/fonts/opentype/noto").value();
  WorkerTools tools;
  EXPECT_GT(Measure("English", English(1'000'000), *catalog, tools), kLeastKilobytesPerSecond);
  EXPECT_GT(Measure("Chinese", Chinese(1'000'000), *catalog, tools), kLeastKilobytesPerSecond);
}

}  // namespace
}  // namespace glyph::render
