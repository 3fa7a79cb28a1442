#pragma once
#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "proto/base/mutex.h"
#include "render_service/pipeline/worker_tools.h"

namespace glyph::render {

// Threads that run jobs. Those of young documents, which have taken little time so far, go before
// the others, but every fourth job is an old one's while there are both, so that none starves; in
// each group they go in the order they come. A caller takes a seat first and keeps at most one job
// in the queue for it, so the queue is never longer than there are seats. Thread-safe.
//   std::optional<WorkerPool::Seat> seat = pool.TakeSeat();
//   if (!seat) return ResourceExhausted(...);
//   pool.Submit([&](WorkerTools& tools) { task.Step(tools); });
class WorkerPool {
 public:
  using Job = std::function<void(WorkerTools&)>;

  // Gives its place back when destroyed. The pool outlives it.
  class Seat {
   public:
    explicit Seat(WorkerPool& pool) : pool_(&pool) {}
    Seat(Seat&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)) {}
    Seat& operator=(Seat&&) = delete;
    ~Seat();

   private:
    WorkerPool* pool_;
  };

  WorkerPool(int num_workers, int num_seats);  // both at least 1
  // Runs the jobs submitted and joins the threads.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // nullopt: all seats are taken.
  std::optional<Seat> TakeSeat();

  // A document is young until it has been worked on for so long.
  static constexpr std::chrono::milliseconds kYouth{20};

  // Runs `job` on a worker. Its document has been worked on for `spent` before.
  void Submit(Job job, std::chrono::nanoseconds spent = {});

  int num_seats() const { return num_seats_; }
  int num_taken_seats() const;

 private:
  void Work();
  bool HasJob() const GLYPH_REQUIRES(mutex_) { return !young_.empty() || !old_.empty(); }
  Job NextJob() GLYPH_REQUIRES(mutex_);

  const int num_seats_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::deque<Job> young_ GLYPH_GUARDED_BY(mutex_);
  std::deque<Job> old_ GLYPH_GUARDED_BY(mutex_);
  int num_young_in_row_ GLYPH_GUARDED_BY(mutex_) = 0;  // taken since an old one was
  int num_taken_ GLYPH_GUARDED_BY(mutex_) = 0;
  bool is_closing_ GLYPH_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace glyph::render
