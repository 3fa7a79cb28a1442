#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>
#include <map>

namespace glyph::vlm {

// CUDA graphs by key: work that is always the same is recorded once and launched as a whole. Not
// thread-safe.
class Graphs {
 public:
  explicit Graphs(cudaStream_t stream) : stream_(stream) {}
  ~Graphs();
  Graphs(const Graphs&) = delete;
  Graphs& operator=(const Graphs&) = delete;

  // Enqueues `work`. The first time for a key it runs as it is, so that everything it needs is
  // there, and is recorded after that.
  void Run(int64_t key, const std::function<void()>& work);

  // That the driver took to record and hold them.
  int64_t num_bytes() const { return num_bytes_; }

 private:
  const cudaStream_t stream_;
  std::map<int64_t, cudaGraphExec_t> graphs_;
  int64_t num_bytes_ = 0;
};

}  // namespace glyph::vlm
