#pragma once
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <vector>

namespace glyph::bench {

inline void CheckCuda(cudaError_t error) {
  if (error == cudaSuccess) return;
  std::cerr << "CUDA: " << cudaGetErrorString(error) << "\n";
  std::exit(1);
}

// Median milliseconds of one `launch(i, stream)`, each timed over a captured graph of `inner`
// launches, so that launch gaps of the host do not count. `launch` picks its inputs by i (rotate
// over more than the second-level cache holds); i runs from 0 to inner - 1.
inline double MedianMs(const std::function<void(int, cudaStream_t)>& launch, int inner = 20,
                       int repeats = 15) {
  cudaStream_t stream;
  CheckCuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  launch(0, stream);
  CheckCuda(cudaStreamSynchronize(stream));
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  CheckCuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  for (int i = 0; i < inner; ++i) launch(i, stream);
  CheckCuda(cudaStreamEndCapture(stream, &graph));
  CheckCuda(cudaGraphInstantiate(&exec, graph, 0));
  cudaEvent_t start;
  cudaEvent_t stop;
  CheckCuda(cudaEventCreate(&start));
  CheckCuda(cudaEventCreate(&stop));
  std::vector<float> times;
  for (int repeat = 0; repeat < repeats + 2; ++repeat) {
    float ms = 0;
    CheckCuda(cudaEventRecord(start, stream));
    CheckCuda(cudaGraphLaunch(exec, stream));
    CheckCuda(cudaEventRecord(stop, stream));
    CheckCuda(cudaEventSynchronize(stop));
    CheckCuda(cudaEventElapsedTime(&ms, start, stop));
    if (repeat >= 2) times.push_back(ms / static_cast<float>(inner));
  }
  std::sort(times.begin(), times.end());
  CheckCuda(cudaEventDestroy(start));
  CheckCuda(cudaEventDestroy(stop));
  CheckCuda(cudaGraphExecDestroy(exec));
  CheckCuda(cudaGraphDestroy(graph));
  CheckCuda(cudaStreamDestroy(stream));
  return times[times.size() / 2];
}

}  // namespace glyph::bench
