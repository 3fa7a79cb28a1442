#include "vlm_service/ops/cuda/graphs.h"

#include <algorithm>

#include "vlm_service/ops/cuda/check.h"
#include "vlm_service/ops/cuda/driver_memory.h"

namespace glyph::vlm {

Graphs::~Graphs() {
  for (const auto& [key, graph] : graphs_) cudaGraphExecDestroy(graph);
}

void Graphs::Run(int64_t key, const std::function<void()>& work) {
  const auto known = graphs_.find(key);
  if (known != graphs_.end()) {
    return CheckCuda(cudaGraphLaunch(known->second, stream_), "graph launch");
  }
  work();
  const int64_t used_before = DriverUsedBytes();
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  CheckCuda(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal), "graph capture");
  work();
  CheckCuda(cudaStreamEndCapture(stream_, &graph), "graph capture");
  CheckCuda(cudaGraphInstantiate(&exec, graph, 0), "graph capture");
  CheckCuda(cudaGraphDestroy(graph), "graph capture");
  CheckCuda(cudaGraphUpload(exec, stream_), "graph capture");
  graphs_.emplace(key, exec);
  num_bytes_ += std::max<int64_t>(0, DriverUsedBytes() - used_before);
}

}  // namespace glyph::vlm
