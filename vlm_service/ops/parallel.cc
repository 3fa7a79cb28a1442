#include "vlm_service/ops/parallel.h"

#include "ATen/Parallel.h"
#include "vlm_service/ops/cpu/thread_team.h"

namespace glyph::vlm::ops {

void RunParallel(int64_t begin, int64_t end, int64_t grain,
                 void (*call)(int64_t first, int64_t last, const void* context),
                 const void* context) {
  thread_local cpu::ThreadTeam team(at::get_num_threads() - 1);
  team.Run({.begin = begin, .end = end, .grain = grain, .call = call, .context = context});
}

}  // namespace glyph::vlm::ops
