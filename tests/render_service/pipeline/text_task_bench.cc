// How fast a worker makes pages of long texts, beside plain Pango and Cairo in the same run. Counts
// processor time of the drawing threads, so that other work on the machine counts little; fails
// only when drawing has become absurdly slow.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <thread>
#include <variant>

#include "render_service/pipeline/text_task.h"
#include "tests/render_service/pipeline/bench_texts.h"
#include "tests/render_service/pipeline/pango_baseline.h"

namespace glyph::render {
namespace {

constexpr size_t kBytes = 1'000'000;
constexpr double kLeastRatio = 3;

// More of them measure; few see that it runs.
int Rounds() { return std::getenv("GLYPH_LONG") != nullptr ? 15 : 3; }

double ThreadSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// The best of some rounds, after one that warms caches.
double BestSeconds(int rounds, const std::function<void()>& work) {
  work();
  double best = 1e9;
  for (; rounds > 0; --rounds) {
    const double start = ThreadSeconds();
    work();
    best = std::min(best, ThreadSeconds() - start);
  }
  return best;
}

class TextTaskBench : public ::testing::Test {
 protected:
  // Makes all pages; returns the seconds until the first.
  double Draw(const std::string& text, WorkerTools& tools) const {
    const double start = ThreadSeconds();
    double first = 0;
    TextTask task(text, {.profile = profile_, .max_pages = 256});
    while (true) {
      const RenderEvent event = task.Step(tools).value();
      const auto* page = std::get_if<RenderedPage>(&event);
      if (page != nullptr && page->index == 0) first = ThreadSeconds() - start;
      if (std::holds_alternative<RenderSummary>(event)) return first;
    }
  }

  // Prints a row of the table of render_service/README.md.
  void Measure(const char* name, const std::string& text) {
    const double megabytes = static_cast<double>(text.size()) / 1e6;
    WorkerTools tools;
    double first_page = 1e9;
    const double one =
        BestSeconds(Rounds(), [&] { first_page = std::min(first_page, Draw(text, tools)); });
    const double baseline = BestSeconds(2, [&] { DrawWithPlainPango(text); });
    double two[2];
    std::thread threads[2];
    for (int i = 0; i < 2; ++i) {
      threads[i] = std::thread([&, i] {
        WorkerTools own;
        two[i] = BestSeconds(Rounds(), [&] { Draw(text, own); });
      });
    }
    for (std::thread& thread : threads) thread.join();
    std::printf("| %s | %.2f | %.1f | %.1f | %.2f | %.1f |\n", name, megabytes / baseline,
                megabytes / one, baseline / one, one / two[0] + one / two[1], 1e3 * first_page);
    EXPECT_GT(baseline / one, kLeastRatio);
  }

  std::unique_ptr<ProfileCatalog> catalog_ = ProfileCatalog::Create("/usr/share/fonts").value();
  std::shared_ptr<const ResolvedProfile> profile_ = catalog_->Find("noto-1024").value();
};

TEST_F(TextTaskBench, DrawsLongTexts) {
  std::printf("| text | Pango MB/s | ours MB/s | times | two cores, times one | page 1, ms |\n");
  Measure("English prose", EnglishProse(kBytes));
  Measure("Chinese prose", ChineseProse(kBytes));
  Measure("Markdown with code and tables", Markdown(kBytes));
  Measure("Devanagari", Devanagari(kBytes));
}

}  // namespace
}  // namespace glyph::render
