#include "vlm_service/ops/cpu/thread_team.h"

#include <algorithm>

namespace glyph::vlm::cpu {
namespace {

// Parts a thread takes: more than one, so that a thread that comes late or is slow gets fewer.
constexpr int64_t kPartsPerThread = 4;

// Looks at the ticket before a helper sleeps: some 100 microseconds, longer than the pauses between
// the loops of a pass.
constexpr int kLooks = 4000;

inline void Relax() { __builtin_ia32_pause(); }

constexpr uint64_t Ticket(uint64_t loop, uint64_t parts) { return loop << 32 | parts << 16; }
constexpr int64_t NumParts(uint64_t ticket) { return static_cast<int64_t>(ticket >> 16 & 0xFFFF); }
constexpr int64_t NextPart(uint64_t ticket) { return static_cast<int64_t>(ticket & 0xFFFF); }

}  // namespace

ThreadTeam::ThreadTeam(int num_helpers) {
  for (int i = 0; i < num_helpers; ++i) helpers_.emplace_back([this] { Help(); });
}

ThreadTeam::~ThreadTeam() {
  stopping_ = true;
  ++num_loops_;
  num_loops_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

void ThreadTeam::Run(const ParallelLoop& loop) {
  const int64_t length = loop.end - loop.begin;
  if (length <= 0) return;
  const auto threads = static_cast<int64_t>(helpers_.size()) + 1;
  const int64_t parts =
      std::min(threads * kPartsPerThread, length / std::max<int64_t>(1, loop.grain));
  if (parts <= 1 || threads == 1) {
    loop.call(loop.begin, loop.end, loop.context);
    return;
  }
  loop_ = loop;
  part_size_ = (length + parts - 1) / parts;
  const int64_t num_parts = (length + part_size_ - 1) / part_size_;
  num_done_.store(0, std::memory_order_relaxed);
  const uint32_t number = num_loops_.load(std::memory_order_relaxed) + 1;
  ticket_.store(Ticket(number, static_cast<uint64_t>(num_parts)), std::memory_order_release);
  num_loops_.store(number);
  num_loops_.notify_all();
  TakeParts();
  // A helper is in its last part, or lost its core to another process: then it may have this one.
  for (int looks = 0; num_done_.load(std::memory_order_acquire) < num_parts; ++looks) {
    looks < kLooks ? Relax() : std::this_thread::yield();
  }
}

bool ThreadTeam::TakeParts() {
  bool any = false;
  for (;;) {
    const uint64_t seen = ticket_.load(std::memory_order_relaxed);
    if (NextPart(seen) >= NumParts(seen)) return any;
    const uint64_t ticket = ticket_.fetch_add(1, std::memory_order_acquire);
    const int64_t part = NextPart(ticket);
    if (part >= NumParts(ticket)) return any;
    // The loop cannot end, nor its fields change, before this part is done.
    const int64_t first = loop_.begin + part * part_size_;
    loop_.call(first, std::min(first + part_size_, loop_.end), loop_.context);
    num_done_.fetch_add(1, std::memory_order_release);
    any = true;
  }
}

void ThreadTeam::Help() {
  for (;;) {
    // Before `stopping_`: who sees the number that the end has set sees the end.
    const uint32_t number = num_loops_.load(std::memory_order_acquire);
    if (stopping_.load(std::memory_order_relaxed)) return;
    int looks = 0;
    while (looks < kLooks && num_loops_.load(std::memory_order_relaxed) == number) {
      looks = TakeParts() ? 0 : looks + 1;
      Relax();
    }
    if (looks == kLooks) num_loops_.wait(number);
  }
}

}  // namespace glyph::vlm::cpu
