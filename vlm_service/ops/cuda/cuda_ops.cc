#include "vlm_service/ops/cuda/cuda_ops.h"

#include <algorithm>
#include <utility>

#include "ATen/ops/empty.h"
#include "vlm_service/kernels/activation.h"
#include "vlm_service/kernels/paged_decode_attention.h"
#include "vlm_service/kernels/skinny_linear.h"
#include "vlm_service/ops/cuda/check.h"
#include "vlm_service/ops/cuda/params.h"

namespace glyph::vlm {
namespace {

constexpr int64_t kGemmBytes = int64_t{64} << 20;
constexpr int64_t kPixelBytes = int64_t{3} * 16777216;  // page.proto

cudaStream_t MakeStream() {
  cudaStream_t stream = nullptr;
  CheckCuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  return stream;
}

int32_t MaxDecodeChunks(const CudaOpsOptions& options) {
  return static_cast<int32_t>(options.kv_tokens / kernels::kDecodeChunkTokens +
                              options.max_decode_rows + 1);
}

int64_t DecodeBytes(const CudaOpsOptions& options) {
  return kernels::PagedDecodeWorkspaceBytes(
      MaxDecodeChunks(options), static_cast<int32_t>(options.heads),
      static_cast<int32_t>(options.kv_heads), static_cast<int32_t>(options.head_dim));
}

}  // namespace

int64_t CudaOps::WorkspaceBytes(const CudaOpsOptions& options) {
  constexpr int64_t kAlignments = 4096;
  return Staging::kBytes + kGemmBytes + kCudnnBytes + kPixelBytes + DecodeBytes(options) +
         kAlignments;
}

CudaOps::CudaOps(const CudaOpsOptions& options)
    : stream_(MakeStream()),
      memory_(options.component_bytes),
      staging_(memory_, stream_),
      graphs_(stream_),
      context_bytes_(options.context_bytes),
      graphs_bytes_(options.graphs_bytes),
      max_decode_chunks_(MaxDecodeChunks(options)),
      decode_workspace_(memory_.Take("workspace", DecodeBytes(options))),
      cudnn_workspace_(memory_.Take("workspace", kCudnnBytes)),
      pixels_(memory_.Take("workspace", kPixelBytes)),
      chunk_rows_(options.chunk_rows),
      context_tokens_(std::min(options.context_tokens, options.kv_tokens)),
      page_patches_(options.page_patches) {
  CheckCuda(
      cudaMemsetAsync(decode_workspace_, 0, static_cast<size_t>(DecodeBytes(options)), stream_),
      "workspace");
  auto gemm = kernels::Gemm::Create(memory_.Take("workspace", kGemmBytes), kGemmBytes);
  CheckOk(gemm.status());
  cudaDeviceProp device;
  CheckCuda(cudaGetDeviceProperties(&device, 0), "device");
  overlaps_ = device.major >= 9;
  gemm_ = *std::move(gemm);
  auto cudnn = kernels::CudnnAttention::Create();
  if (cudnn.ok()) cudnn_ = *std::move(cudnn);
}

CudaOps::~CudaOps() {
  cudaStreamSynchronize(stream_);
  gemm_.reset();
  cudnn_.reset();
}

at::Tensor CudaOps::Allocate(std::string_view component, at::IntArrayRef sizes,
                             at::ScalarType type) {
  return memory_.Take(component, sizes, type);
}

std::vector<ComponentMemory> CudaOps::PlannedMemory() const {
  constexpr const char* kDevice = "gpu0";
  std::vector<ComponentMemory> components = {
      {kDevice, "context", context_bytes_, context_bytes_},
      {kDevice, "graphs", graphs_bytes_, graphs_.num_bytes()},
  };
  int64_t explained = context_bytes_ + graphs_.num_bytes();
  for (const auto& [component, region] : memory_.regions()) {
    components.push_back({kDevice, component.c_str(), region.reserved_bytes, region.used_bytes});
    explained += region.reserved_bytes;
  }
  const int64_t driver = driver_.Recent();
  components.push_back({kDevice, "driver", /*reserved_bytes=*/0, driver});
  components.push_back(
      {kDevice, "unattributed", /*reserved_bytes=*/0, std::max<int64_t>(0, driver - explained)});
  return components;
}

at::Tensor CudaOps::Keep(const at::Tensor& tensor) {
  const at::Tensor dense = tensor.contiguous();
  const at::Tensor kept = memory_.Take("weights", dense.sizes(), dense.scalar_type());
  staging_.Upload(static_cast<std::byte*>(kept.data_ptr()),
                  static_cast<const std::byte*>(dense.const_data_ptr()),
                  static_cast<int64_t>(dense.nbytes()));
  return kept;
}

ops::LinearWeights CudaOps::KeepLinear(const at::Tensor& weight, const at::Tensor& bias,
                                       at::ScalarType type) {
  return {.panels = Keep(weight.to(type)),
          .bias = bias.defined() ? Keep(bias.to(type)) : at::Tensor(),
          .inputs = weight.size(1),
          .outputs = weight.size(0)};
}

at::Tensor CudaOps::Stage(std::span<const int32_t> values) {
  return DeviceTensor(staging_.Stage(std::as_bytes(values)), {static_cast<int64_t>(values.size())},
                      at::kInt);
}

void CudaOps::Write(at::Tensor& to, std::span<const int32_t> values) {
  staging_.Write(static_cast<std::byte*>(to.data_ptr()), std::as_bytes(values));
}

int64_t CudaOps::Padded(int64_t rows) {
  int64_t padded = 1;
  while (padded < std::min<int64_t>(rows, 8)) padded *= 2;
  if (rows <= 8) return padded;
  const int64_t step = rows <= 64 ? 8 : 32;
  return (rows + step - 1) / step * step;
}

void CudaOps::Synchronize() {
  CheckCuda(cudaStreamSynchronize(stream_), "a step");
  staging_.Reset();
}

void CudaOps::Clear(at::Tensor& tensor) {
  CheckCuda(cudaMemsetAsync(tensor.data_ptr(), 0, tensor.nbytes(), stream_), "clear");
}

void CudaOps::WriteBytes(void* to, std::span<const std::byte> bytes) {
  if (!bytes.empty()) staging_.Write(static_cast<std::byte*>(to), bytes);
}

void CudaOps::Read(const at::Tensor& tensor, std::span<float> values) {
  const at::Tensor host = at::empty(tensor.sizes(), at::dtype(tensor.scalar_type()));
  CheckCuda(cudaMemcpyAsync(host.data_ptr(), tensor.const_data_ptr(), tensor.nbytes(),
                            cudaMemcpyDeviceToHost, stream_),
            "read");
  Synchronize();
  const at::Tensor floats = host.to(at::kFloat);
  std::copy_n(floats.const_data_ptr<float>(), values.size(), values.begin());
}

bool CudaOps::TryFewRows(at::Tensor& out, const at::Tensor& x, const ops::LinearWeights& weights,
                         bool gated) {
  const int64_t rows = x.size(0);
  if (x.scalar_type() != at::kBFloat16 || rows > kernels::kMaxSkinnyRows) return false;
  if (weights.inputs % 8 != 0 || x.stride(0) % 8 != 0) return false;
  CheckCuda(kernels::LaunchSkinnyLinear({.x = x.const_data_ptr(),
                                         .weight = weights.panels.const_data_ptr(),
                                         .bias = DataOrNull(weights.bias),
                                         .y = out.data_ptr(),
                                         .rows = rows,
                                         .in_features = weights.inputs,
                                         .out_features = weights.outputs,
                                         .x_stride = x.stride(0),
                                         .y_stride = out.stride(0),
                                         .gated = gated,
                                         .overlap = overlaps_},
                                        stream_),
            "linear");
  return true;
}

void CudaOps::Linear(at::Tensor& out, const at::Tensor& x, const ops::LinearWeights& weights) {
  if (TryFewRows(out, x, weights, /*gated=*/false)) return;
  CheckOk(gemm_->Run({.type = ElementOf(x),
                      .x = x.const_data_ptr(),
                      .weight = weights.panels.const_data_ptr(),
                      .bias = DataOrNull(weights.bias),
                      .y = out.data_ptr(),
                      .rows = x.size(0),
                      .in_features = weights.inputs,
                      .out_features = weights.outputs,
                      .x_stride = x.stride(0),
                      .y_stride = out.stride(0)},
                     stream_));
}

void CudaOps::GatedLinear(at::Tensor& out, const at::Tensor& x, const ops::LinearWeights& weights,
                          at::Tensor& gate_up) {
  if (TryFewRows(out, x, weights, /*gated=*/true)) return;
  Linear(gate_up, x, weights);
  CheckCuda(kernels::LaunchSiluMul({.element = ElementOf(out),
                                    .gate_up = gate_up.const_data_ptr(),
                                    .gate_up_stride = gate_up.stride(0),
                                    .out = out.data_ptr(),
                                    .out_stride = out.stride(0),
                                    .rows = out.size(0),
                                    .width = out.size(1)},
                                   stream_),
            "silu");
}

}  // namespace glyph::vlm
