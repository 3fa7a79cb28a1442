#pragma once
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace glyph::vlm::cpu {

// A loop whose parts may run on any thread.
struct ParallelLoop {
  int64_t begin;
  int64_t end;
  int64_t grain;  // the least length of a part
  void (*call)(int64_t first, int64_t last, const void* context);
  const void* context;
};

// Helpers for loops of microseconds. The caller starts at once and takes part after part; helpers
// that are awake join, so nobody waits for a thread to wake up. Between loops helpers look for the
// next one for a while before they sleep. A team is used by one thread.
class ThreadTeam {
 public:
  explicit ThreadTeam(int num_helpers);
  ~ThreadTeam();

  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  // Returns when all of the loop is done.
  void Run(const ParallelLoop& loop);

 private:
  void Help();
  // Takes parts of the current loop until none is left; false when there was none.
  bool TakeParts();

  ParallelLoop loop_ = {};
  int64_t part_size_ = 0;
  // Number of the loop, how many parts it has, the next one to take: 32, 16 and 16 bits. One word,
  // so that a late helper cannot take a part of one loop for a part of another.
  std::atomic<uint64_t> ticket_ = 0;
  std::atomic<int64_t> num_done_ = 0;    // parts of the current loop
  std::atomic<uint32_t> num_loops_ = 0;  // what sleeping helpers wait on
  std::atomic<bool> stopping_ = false;
  std::vector<std::thread> helpers_;
};

}  // namespace glyph::vlm::cpu
