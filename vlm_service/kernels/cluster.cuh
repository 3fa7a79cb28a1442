#pragma once
#include <cuda_runtime.h>

#include <cstdint>

// What blocks of a cluster need to read each other's shared memory. Compute capability 9.0.
namespace glyph::vlm::kernels {

#if __CUDA_ARCH__ >= 900
// Where `address`, of this block's shared memory, is in block `rank` of the cluster.
__device__ inline uint32_t AddressInCluster(uint32_t address, uint32_t rank) {
  uint32_t mapped;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(mapped) : "r"(address), "r"(rank));
  return mapped;
}

__device__ inline float LoadClusterFloat(uint32_t address) {
  float value;
  asm volatile("ld.shared::cluster.f32 %0, [%1];" : "=f"(value) : "r"(address) : "memory");
  return value;
}

// A barrier of all threads of the cluster in two halves: what a thread wrote before it arrived is
// seen by those that have waited. Every thread calls them in turn.
__device__ inline void ArriveInCluster() {
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
}
__device__ inline void WaitForCluster() {
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}
#else
// Never called: a kernel that uses them is empty there.
__device__ inline float LoadClusterFloat(uint32_t) { return 0; }
#endif

}  // namespace glyph::vlm::kernels
