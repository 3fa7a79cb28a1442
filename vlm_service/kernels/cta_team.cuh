#pragma once
#include <cooperative_groups.h>

#include <cstdint>

namespace glyph::vlm::kernels {

// The kSize CTAs that share a row: a cluster, which compute capability 9.0 knows, or one CTA alone.
// All threads of a team make the same calls.
template <int kSize>
struct CtaTeam {
  __device__ static int Rank() { return kSize == 1 ? 0 : static_cast<int>(blockIdx.x); }

  // Waits for all threads; what they wrote to shared memory is then visible to the team.
  __device__ static void Sync() {
    if constexpr (kSize == 1) {
      __syncthreads();
    } else {
#if __CUDA_ARCH__ >= 900
      cooperative_groups::this_cluster().sync();
#endif
    }
  }

  // The same variable in the shared memory of another CTA.
  template <typename T>
  __device__ static T* Remote(T* variable, [[maybe_unused]] int rank) {
    if constexpr (kSize == 1) {
      return variable;
    } else {
#if __CUDA_ARCH__ >= 900
      return cooperative_groups::this_cluster().map_shared_rank(variable, rank);
#else
      return variable;
#endif
    }
  }
};

}  // namespace glyph::vlm::kernels
