#pragma once
#include <deque>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "proto/base/mutex.h"
#include "render_service/pipeline/worker_tools.h"

namespace glyph::render {

// Threads that run jobs in the order they come. A caller takes a seat first and keeps at most one
// job in the queue for it, so the queue is never longer than there are seats. Thread-safe.
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

  // Runs `job` on a worker.
  void Submit(Job job);

  int num_seats() const { return num_seats_; }
  int num_taken_seats() const;

 private:
  void Work();

  const int num_seats_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::deque<Job> jobs_ GLYPH_GUARDED_BY(mutex_);
  int num_taken_ GLYPH_GUARDED_BY(mutex_) = 0;
  bool is_closing_ GLYPH_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace glyph::render
