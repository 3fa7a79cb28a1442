#pragma once
#include <cstdint>

#include "ATen/core/Tensor.h"
#include "torch/csrc/stable/c/shim.h"

namespace glyph::vlm::ops {

// Calls function(first, last) for parts of [begin, end) on ATen's threads, each part at least
// `grain` long. By way of libtorch's C interface, because at::parallel_for, a header template, runs
// on one thread where the including file is compiled without OpenMP. `function` must not throw.
template <typename Function>
void ParallelFor(int64_t begin, int64_t end, int64_t grain, const Function& function) {
  const auto call = [](int64_t first, int64_t last, void* context) {
    (*static_cast<const Function*>(context))(first, last);
  };
  const AOTITorchError error =
      torch_parallel_for(begin, end, grain, call, const_cast<Function*>(&function));
  TORCH_CHECK(error == AOTI_TORCH_SUCCESS, "a parallel loop failed");
}

// Items one thread should at least get when an item costs `cost` multiplications.
inline int64_t GrainSize(int64_t cost) {
  constexpr int64_t kMinCost = 1 << 15;
  return cost >= kMinCost ? 1 : (kMinCost + cost - 1) / (cost < 1 ? 1 : cost);
}

}  // namespace glyph::vlm::ops
