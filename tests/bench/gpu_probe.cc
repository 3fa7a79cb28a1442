#include "tests/bench/gpu_probe.h"

#include <cuda_runtime_api.h>

#include <atomic>

#include "tests/bench/gpu_timer.h"

namespace glyph::bench {

// What the linker's --wrap makes of the two names.
cudaError_t LaunchGraph(cudaGraphExec_t graph, cudaStream_t stream) asm("__wrap_cudaGraphLaunch");
cudaError_t LaunchInDriver(cudaGraphExec_t graph,
                           cudaStream_t stream) asm("__real_cudaGraphLaunch");

namespace {

constexpr int kReplays = 8;

// One measurement at a time: asked for, then taken.
struct Replay {
  std::atomic<bool> wanted = false;
  std::atomic<bool> launched = false;
  cudaEvent_t start = nullptr;
  cudaEvent_t stop = nullptr;
};

Replay& TheReplay() {
  static Replay replay;
  return replay;
}

}  // namespace

DeviceBytes AskDevice() {
  size_t free = 0;
  size_t total = 0;
  if (cudaMemGetInfo(&free, &total) != cudaSuccess) return {};
  return {.used = static_cast<int64_t>(total - free), .total = static_cast<int64_t>(total)};
}

void ReplayNextGraph() { TheReplay().wanted = true; }

std::optional<double> TakeReplayMs() {
  Replay& replay = TheReplay();
  replay.wanted = false;
  if (!replay.launched.exchange(false)) return std::nullopt;
  float ms = 0;
  CheckCuda(cudaEventSynchronize(replay.stop));
  CheckCuda(cudaEventElapsedTime(&ms, replay.start, replay.stop));
  CheckCuda(cudaEventDestroy(replay.start));
  CheckCuda(cudaEventDestroy(replay.stop));
  return ms / kReplays;
}

cudaError_t LaunchGraph(cudaGraphExec_t graph, cudaStream_t stream) {
  Replay& replay = TheReplay();
  const cudaError_t error = LaunchInDriver(graph, stream);
  if (error != cudaSuccess || !replay.wanted.exchange(false)) return error;
  CheckCuda(cudaEventCreate(&replay.start));
  CheckCuda(cudaEventCreate(&replay.stop));
  CheckCuda(cudaEventRecord(replay.start, stream));
  for (int i = 0; i < kReplays; ++i) CheckCuda(LaunchInDriver(graph, stream));
  CheckCuda(cudaEventRecord(replay.stop, stream));
  replay.launched = true;
  return cudaSuccess;
}

}  // namespace glyph::bench
