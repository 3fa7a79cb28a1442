#include "vlm_service/ops/cuda/graphs.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "proto/base/logging.h"
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
  const int64_t bytes = std::max<int64_t>(0, DriverUsedBytes() - used_before);
  num_bytes_ += bytes;
  base::LogInfo("gpu_graph", {{"key", absl::StrCat(key)},
                              {"bytes", absl::StrCat(bytes)},
                              {"all_graphs", absl::StrCat(graphs_.size())},
                              {"all_bytes", absl::StrCat(num_bytes_)}});
}

}  // namespace glyph::vlm
