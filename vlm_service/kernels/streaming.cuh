#pragma once
#include <cuda_runtime.h>

#include <cstdint>

// What kernels that stream weights through the tensor cores are made of: copies to shared memory
// that run beside the threads, the matrix instruction, and overlap with the kernel before.
namespace glyph::vlm::kernels {

// A cache policy under which weights, read once a step, give way to everything else in L2.
__device__ inline uint64_t EvictFirstPolicy() {
  uint64_t policy;
  asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
  return policy;
}

// Starts to copy 16 bytes past L1, or to write 16 zeros where not `valid`, in which case `source`
// is not read. `target` is an address in shared memory; both are 16-byte aligned.
__device__ inline void CopyAsync(uint32_t target, const void* source, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(target), "l"(source),
               "r"(valid ? 16 : 0)
               : "memory");
}

// The same under a cache policy, fetching 128 bytes into L2.
__device__ inline void CopyAsync(uint32_t target, const void* source, bool valid, uint64_t policy) {
  asm volatile(
      "cp.async.cg.shared.global.L2::cache_hint.L2::128B [%0], [%1], 16, %2, %3;" ::"r"(target),
      "l"(source), "r"(valid ? 16 : 0), "l"(policy)
      : "memory");
}

// Ends a group of copies of this thread.
__device__ inline void CommitCopies() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until at most kPending groups of this thread, the newest, are under way.
template <int kPending>
__device__ inline void WaitForCopies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

__device__ inline uint4 LoadShared(uint32_t address) {
  uint4 value;
  asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w)
               : "r"(address)
               : "memory");
  return value;
}

// sum[16 rows, 8 columns] += a[16, 32] b[32, 8]^T in bfloat16, for 32 values of the summed index of
// which lane l holds numbers 8 (l % 4) .. + 7 of row l / 4 (`low`) and l / 4 + 8 (`high`) of a, and
// of column l / 4 of b. sum[2 h + c] is row l / 4 + 8 h, column 2 (l % 4) + c.
__device__ inline void MultiplyAdd(float (&sum)[4], uint4 low, uint4 high, uint4 b) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(low.x), "r"(high.x), "r"(low.y), "r"(high.y), "r"(b.x), "r"(b.y));
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(low.z), "r"(high.z), "r"(low.w), "r"(high.w), "r"(b.z), "r"(b.w));
}

// Lets a kernel launched to overlap with this one start. It still waits with
// WaitForKernelBefore() until this one has ended. Nothing where the launch did not ask for it.
__device__ inline void LetNextKernelStart() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

// Returns once every kernel before this one in the stream has ended and its writes are seen.
__device__ inline void WaitForKernelBefore() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

}  // namespace glyph::vlm::kernels
