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

void WorkerPool::Submit(Job job) {
  {
    base::MutexLock lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  changed_.NotifyOne();
}

void WorkerPool::Work() {
  WorkerTools tools;
  while (true) {
    Job job;
    {
      base::MutexLock lock(mutex_);
      while (jobs_.empty() && !is_closing_) changed_.Wait(mutex_);
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job(tools);
  }
}

}  // namespace glyph::render
