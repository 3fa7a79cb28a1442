#include "vlm_service/ops/cpu/thread_team.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace glyph::vlm::cpu {
namespace {

// Counts how often each item is visited. `slow` items yield, so that helpers come and go.
struct Visits {
  std::vector<int> counts;
  int64_t least = 0;
  bool slow = false;

  static void Visit(int64_t first, int64_t last, const void* context) {
    auto* visits = static_cast<Visits*>(const_cast<void*>(context));
    const auto size = static_cast<int64_t>(visits->counts.size());
    EXPECT_TRUE(last - first >= std::min(visits->least, size) || last == size);
    for (int64_t i = first; i < last; ++i) ++visits->counts[i];
    if (visits->slow) std::this_thread::yield();
  }
};

TEST(ThreadTeam, VisitsEveryItemOfEveryLoopOnce) {
  std::mt19937 random(20261124);
  for (const int num_helpers : {0, 1, 3}) {
    ThreadTeam team(num_helpers);
    for (int loop = 0; loop < 5000; ++loop) {
      Visits visits = {.counts = std::vector<int>(random() % 200),
                       .least = static_cast<int64_t>(random() % 20),
                       .slow = random() % 16 == 0};
      team.Run({.begin = 0,
                .end = static_cast<int64_t>(visits.counts.size()),
                .grain = visits.least,
                .call = Visits::Visit,
                .context = &visits});
      ASSERT_EQ(visits.counts, std::vector<int>(visits.counts.size(), 1)) << "loop " << loop;
    }
  }
}

TEST(ThreadTeam, HelpersComeWhateverTheyDidBefore) {
  std::mt19937 random(20261125);
  ThreadTeam team(1);
  for (int round = 0; round < 300; ++round) {
    for (uint32_t i = random() % 10000; i > 0; --i) __builtin_ia32_pause();  // some fall asleep
    // A part ends only when both threads are in one.
    std::atomic<int> present = 0;
    team.Run({.begin = 0,
              .end = 2,
              .grain = 1,
              .call =
                  [](int64_t, int64_t, const void* context) {
                    auto* in_parts = static_cast<std::atomic<int>*>(const_cast<void*>(context));
                    ++*in_parts;
                    while (*in_parts < 2) std::this_thread::yield();
                  },
              .context = &present});
    EXPECT_EQ(present, 2);
  }
}

}  // namespace
}  // namespace glyph::vlm::cpu
