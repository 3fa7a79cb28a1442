#include "gateway/routing/strand.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gmock/gmock.h"

namespace glyph::gateway {
namespace {

TEST(StrandTest, RunsAtOnceWhenIdle) {
  Strand strand;
  bool ran = false;
  strand.Post([&] { ran = true; });
  EXPECT_TRUE(ran);
}

TEST(StrandTest, RunsNestedWorkAfterTheCurrentOne) {
  Strand strand;
  std::vector<int> order;
  strand.Post([&] {
    strand.Post([&] { order.push_back(2); });
    order.push_back(1);
  });
  EXPECT_THAT(order, ::testing::ElementsAre(1, 2));
}

TEST(StrandTest, RunsOneAtATimeFromManyThreads) {
  Strand strand;
  int unguarded = 0;  // torn, or a race under TSan, if two ran at once
  std::atomic<int> inside = 0;
  bool overlapped = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        strand.Post([&] {
          overlapped |= inside.fetch_add(1) != 0;
          ++unguarded;
          inside.fetch_sub(1);
        });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  int seen = 0;
  strand.Post([&] { seen = unguarded; });
  EXPECT_EQ(seen, 4000);
  EXPECT_FALSE(overlapped);
}

}  // namespace
}  // namespace glyph::gateway
