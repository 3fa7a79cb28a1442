#include "gateway/cli/interrupts.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>

#include "gtest/gtest.h"

namespace glyph::gateway::cli {
namespace {

using ::testing::ExitedWithCode;

void WaitForever() {
  for (;;) pause();
}

// In processes of their own, which the signals end.
TEST(InterruptsDeathTest, TheFirstCancelsAndTheSecondEnds) {
  EXPECT_EXIT(
      {
        Interrupts interrupts;
        std::atomic<int> num_cancelled = 0;
        const auto watch = interrupts.Cancel([&] {
          ++num_cancelled;
          num_cancelled.notify_one();
        });
        kill(getpid(), SIGINT);
        num_cancelled.wait(0);
        write(STDERR_FILENO, "cancelled", 9);
        kill(getpid(), SIGTERM);
        WaitForever();
      },
      ExitedWithCode(130), "cancelled");
}

TEST(InterruptsDeathTest, EndsWhileNothingIsWatched) {
  EXPECT_EXIT(
      {
        Interrupts interrupts;
        {
          const auto watch = interrupts.Cancel([] { _exit(1); });
        }
        kill(getpid(), SIGINT);
        WaitForever();
      },
      ExitedWithCode(130), "");
}

}  // namespace
}  // namespace glyph::gateway::cli
