#include "render_service/pipeline/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <optional>
#include <string>
#include <vector>

namespace glyph::render {
namespace {

TEST(WorkerPoolTest, GivesAsManySeatsAsItHas) {
  WorkerPool pool(1, 2);
  std::optional<WorkerPool::Seat> first = pool.TakeSeat();
  std::optional<WorkerPool::Seat> second = pool.TakeSeat();
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(pool.TakeSeat());
  first.reset();
  EXPECT_TRUE(pool.TakeSeat());
}

TEST(WorkerPoolTest, GivesAMovedSeatBackOnce) {
  WorkerPool pool(1, 1);
  {
    std::optional<WorkerPool::Seat> seat = pool.TakeSeat();
    WorkerPool::Seat moved = std::move(*seat);
    seat.reset();
    EXPECT_FALSE(pool.TakeSeat());
  }
  EXPECT_TRUE(pool.TakeSeat());
}

TEST(WorkerPoolTest, RunsJobsOfOneWorkerInOrder) {
  std::vector<int> order;
  {
    WorkerPool pool(1, 1);
    for (int i = 0; i < 100; ++i) pool.Submit([&order, i](WorkerTools&) { order.push_back(i); });
  }
  ASSERT_EQ(order.size(), 100u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(WorkerPoolTest, RunsYoungDocumentsFirstButLetsNoneStarve) {
  std::string order;
  {
    WorkerPool pool(1, 1);
    std::latch is_busy(1), all_submitted(1);
    pool.Submit(
        [&](WorkerTools&) {
          is_busy.count_down();
          all_submitted.wait();
        },
        WorkerPool::kYouth);
    is_busy.wait();
    for (int i = 0; i < 3; ++i) {
      pool.Submit([&](WorkerTools&) { order += 'o'; }, WorkerPool::kYouth);
    }
    for (int i = 0; i < 5; ++i) {
      pool.Submit([&](WorkerTools&) { order += 'y'; },
                  WorkerPool::kYouth - std::chrono::nanoseconds(1));
    }
    all_submitted.count_down();
  }
  EXPECT_EQ(order, "yyyoyyoo");
}

TEST(WorkerPoolTest, RunsJobsOfSeveralWorkersAtOnce) {
  std::latch all_running(4);
  WorkerPool pool(4, 1);
  for (int i = 0; i < 4; ++i) {
    pool.Submit([&](WorkerTools&) { all_running.arrive_and_wait(); });
  }
  all_running.wait();
}

TEST(WorkerPoolTest, RunsJobsThatJobsSubmit) {
  std::atomic<int> runs = 0;
  {
    WorkerPool pool(2, 1);
    std::latch done(1);
    WorkerPool::Job job = [&](WorkerTools&) {
      if (++runs < 1000) {
        pool.Submit(job);
      } else {
        done.count_down();
      }
    };
    pool.Submit(job);
    done.wait();
  }
  EXPECT_EQ(runs, 1000);
}

}  // namespace
}  // namespace glyph::render
