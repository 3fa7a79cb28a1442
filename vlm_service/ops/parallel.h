#pragma once
#include <cstdint>

namespace glyph::vlm::ops {

// Calls call(first, last, context) for disjoint parts of [begin, end) on the calling thread and on
// its own team of helpers, each part at least `grain` long; at::get_num_threads() of a thread's
// first call says how many they are together. Returns when every part is done. `call` must not
// throw.
void RunParallel(int64_t begin, int64_t end, int64_t grain,
                 void (*call)(int64_t first, int64_t last, const void* context),
                 const void* context);

// Calls function(first, last) for parts of [begin, end), as RunParallel does.
template <typename Function>
void ParallelFor(int64_t begin, int64_t end, int64_t grain, const Function& function) {
  RunParallel(
      begin, end, grain,
      [](int64_t first, int64_t last, const void* context) {
        (*static_cast<const Function*>(context))(first, last);
      },
      &function);
}

// Items one thread should at least get when an item costs `cost` multiplications.
inline int64_t GrainSize(int64_t cost) {
  constexpr int64_t kMinCost = 1 << 15;
  return cost >= kMinCost ? 1 : (kMinCost + cost - 1) / (cost < 1 ? 1 : cost);
}

}  // namespace glyph::vlm::ops
