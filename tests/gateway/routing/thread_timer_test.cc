#include "gateway/routing/thread_timer.h"

#include <memory>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"

namespace glyph::gateway {
namespace {

TEST(ThreadTimerTest, RunsWorkInTheOrderOfItsTimesAndNotBefore) {
  base::Mutex mutex;
  base::CondVar changed;
  std::vector<int> order;
  ThreadTimer timer;
  const absl::Time start = absl::Now();
  const auto add = [&](int milliseconds) {
    timer.At(start + absl::Milliseconds(milliseconds), [&, milliseconds] {
      EXPECT_GE(absl::Now(), start + absl::Milliseconds(milliseconds));
      base::MutexLock lock(mutex);
      order.push_back(milliseconds);
      changed.NotifyAll();
    });
  };
  for (const int milliseconds : {30, 10, 20, 0}) add(milliseconds);
  base::MutexLock lock(mutex);
  while (order.size() < 4) changed.Wait(mutex);
  EXPECT_THAT(order, ::testing::ElementsAre(0, 10, 20, 30));
}

TEST(ThreadTimerTest, DropsWhatIsNotDueWhenItGoes) {
  const auto token = std::make_shared<int>();
  bool has_run = false;
  {
    ThreadTimer timer;
    timer.At(absl::InfiniteFuture(), [token, &has_run] { has_run = true; });
    EXPECT_EQ(token.use_count(), 2);
  }
  EXPECT_EQ(token.use_count(), 1);
  EXPECT_FALSE(has_run);
}

}  // namespace
}  // namespace glyph::gateway
