#include "render_service/pipeline/worker_pool.h"

namespace glyph::render {

WorkerPool::Seat::~Seat() {
  if (pool_ == nullptr) return;
  base::MutexLock lock(pool_->mutex_);
  --pool_->num_taken_;
}

WorkerPool::WorkerPool(int num_workers, int num_seats) : num_seats_(num_seats) {
  threads_.reserve(static_cast<size_t>(num_workers));
  for (int i = 0; i < num_workers; ++i) threads_.emplace_back([this] { Work(); });
}

WorkerPool::~WorkerPool() {
  {
    base::MutexLock lock(mutex_);
    is_closing_ = true;
  }
  changed_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

std::optional<WorkerPool::Seat> WorkerPool::TakeSeat() {
  base::MutexLock lock(mutex_);
  if (num_taken_ == num_seats_) return std::nullopt;
  ++num_taken_;
  return std::optional<Seat>(std::in_place, *this);
}

int WorkerPool::num_taken_seats() const {
  base::MutexLock lock(mutex_);
  return num_taken_;
}

void WorkerPool::Submit(Job job, std::chrono::nanoseconds spent) {
  {
    base::MutexLock lock(mutex_);
    (spent < kYouth ? young_ : old_).push_back(std::move(job));
  }
  changed_.NotifyOne();
}

WorkerPool::Job WorkerPool::NextJob() {
  constexpr int kMostYoungInRow = 3;
  const bool takes_old = young_.empty() || (!old_.empty() && num_young_in_row_ >= kMostYoungInRow);
  num_young_in_row_ = takes_old ? 0 : num_young_in_row_ + 1;
  std::deque<Job>& jobs = takes_old ? old_ : young_;
  Job job = std::move(jobs.front());
  jobs.pop_front();
  return job;
}

void WorkerPool::Work() {
  WorkerTools tools;
  while (true) {
    Job job;
    {
      base::MutexLock lock(mutex_);
      while (!HasJob() && !is_closing_) changed_.Wait(mutex_);
      if (!HasJob()) return;
      job = NextJob();
    }
    job(tools);
  }
}

}  // namespace glyph::render
