#pragma once
#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <cstdint>
#include <memory>
#include <tuple>

#include "vlm_service/kernels/element.h"

namespace glyph::vlm::kernels {

// y[rows, out_features] = x[rows, in_features] weight[out_features, in_features]^T + bias, all of
// `type`, summed in float32 (not TF32) and rounded once. Strides are between rows, in values.
struct GemmParams {
  Element type;
  const void* x;
  const void* weight;  // contiguous
  const void* bias;    // [out_features], or null
  void* y;             // overlaps nothing that is read
  int64_t rows;
  int64_t in_features;
  int64_t out_features;
  int64_t x_stride;
  int64_t y_stride;
};

// Linear maps of many rows by cuBLASLt. The way to compute a shape is chosen once, for 1, 2, 3, 4,
// 6, 8, 12, 16, ... rows and those up to there, so that a process soon has all the code it needs on
// the device. Results of a shape are the same every time, but differ in rounding from those of
// another number of rows. Not thread-safe; calls must be ordered on the device (one stream), as
// they share the workspace.
//
//   auto gemm = Gemm::Create(workspace, workspace_bytes);  // 32 MiB is enough on Hopper
//   RETURN_IF_ERROR((*gemm)->Run(params, stream));
class Gemm {
 public:
  // The workspace is device memory, 256-byte aligned, that outlives this; it may be empty.
  // Unavailable where cuBLASLt does not start.
  static absl::StatusOr<std::unique_ptr<Gemm>> Create(void* workspace, size_t workspace_bytes);

  Gemm(const Gemm&) = delete;
  Gemm& operator=(const Gemm&) = delete;
  ~Gemm();

  // Enqueues the product; no synchronisation and no allocation on the device, so that it can be
  // captured. InvalidArgument for shapes and strides that make no sense, Unimplemented where
  // cuBLASLt has no way to compute them, Internal where it fails.
  absl::Status Run(const GemmParams& params, cudaStream_t stream);

  // Measures the ways to compute this shape and keeps the fastest for calls of Run with the same
  // shape, strides and alignment. Overwrites y, waits for the device: for the start of the process.
  absl::Status Tune(const GemmParams& params, cudaStream_t stream);

 private:
  // Type, rows, in and out features, strides, whether with bias, alignment in bytes.
  using Key = std::tuple<Element, int64_t, int64_t, int64_t, int64_t, int64_t, bool, uint32_t>;
  struct Call;

  Gemm(cublasLtHandle_t handle, void* workspace, size_t workspace_bytes);
  static Key KeyOf(const GemmParams& params);
  absl::StatusOr<cublasLtMatmulAlgo_t> Choose(const GemmParams& params);
  absl::StatusOr<float> Measure(const GemmParams& params, Call& call,
                                const cublasLtMatmulAlgo_t& way, cudaStream_t stream);

  cublasLtHandle_t handle_;
  void* workspace_;
  size_t workspace_bytes_;
  absl::flat_hash_map<Key, cublasLtMatmulAlgo_t> tuned_;
  absl::flat_hash_map<Key, cublasLtMatmulAlgo_t> chosen_;
};

}  // namespace glyph::vlm::kernels
