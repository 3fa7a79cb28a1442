#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "vlm_service/kernels/cudnn_attention_spec.h"

struct cudnnContext;  // what a cudnnHandle_t points to

namespace glyph::vlm::kernels {

// Device pointers of one run.
struct CudnnAttentionArgs {
  const void* q = nullptr;
  const void* k = nullptr;
  const void* v = nullptr;
  void* out = nullptr;
  const int32_t* block_table = nullptr;      // paged: [table_size], all entries name blocks
  const CudnnAttentionRows* rows = nullptr;  // unless kExact
  void* workspace = nullptr;
};

struct CudnnAttentionPlan {
  int64_t workspace_bytes = 0;
  int64_t num_candidates = 0;  // plans cuDNN offered; the first that builds is taken
  std::string name;            // cuDNN's name of the engine and its knobs
};

// Attention by cuDNN. Plans are built for a spec when it is first seen, which takes milliseconds to
// seconds on the host, and kept; beyond `max_plans` the least recently used one is dropped, which
// waits for the device. Errors: UNIMPLEMENTED where cuDNN has no kernel for a spec,
// INVALID_ARGUMENT for a spec or pointers it refuses, INTERNAL else; nothing is thrown.
// A CUDA graph captured from Run holds only as long as its plan: prepare the specs it needs first,
// and let max_plans cover them. Used by one thread at a time, on one device.
class CudnnAttention {
 public:
  // For the current device. UNAVAILABLE when cuDNN cannot start.
  static absl::StatusOr<std::unique_ptr<CudnnAttention>> Create(int max_plans = 256);
  ~CudnnAttention();
  CudnnAttention(const CudnnAttention&) = delete;
  CudnnAttention& operator=(const CudnnAttention&) = delete;

  // Builds the plan of `spec` unless it is there. Not while a stream is captured.
  absl::StatusOr<CudnnAttentionPlan> Prepare(const CudnnAttentionSpec& spec);

  // Enqueues one attention. `args.workspace` holds the plan's workspace_bytes.
  absl::Status Run(const CudnnAttentionSpec& spec, const CudnnAttentionArgs& args,
                   cudaStream_t stream);

 private:
  struct Plan;
  CudnnAttention(cudnnContext* handle, int max_plans);
  absl::StatusOr<Plan*> FindOrBuild(const CudnnAttentionSpec& spec);

  cudnnContext* handle_;
  int max_plans_;
  int64_t num_uses_ = 0;
  std::vector<std::unique_ptr<Plan>> plans_;
};

}  // namespace glyph::vlm::kernels
