// How fast our attention is: decode over the paged cache against a copy of memory, attention of
// many rows against a product of 8192 x 8192 matrices by cuBLAS. Needs 8 GB on the device.
#include <cublas_v2.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <random>
#include <vector>

#include "tests/bench/gpu_timer.h"
#include "vlm_service/kernels/paged_decode_attention.h"
#include "vlm_service/kernels/sequence_attention.h"

namespace glyph::bench {
namespace {

using vlm::kernels::CausalPagedAttentionParams;
using vlm::kernels::Element;
using vlm::kernels::FullAttentionParams;
using vlm::kernels::kDecodeChunkTokens;
using vlm::kernels::PagedDecodeAttentionParams;

// GLM-4.1V-9B's.
constexpr int kHeads = 32;
constexpr int kKvHeads = 2;
constexpr int kHeadDim = 128;
constexpr int kBlockTokens = 128;
constexpr size_t kRotatedBytes = size_t{512} << 20;  // more than ten second-level caches

void CheckCublas(cublasStatus_t status) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  std::fprintf(stderr, "cuBLAS: %d\n", static_cast<int>(status));
  std::exit(1);
}

// Device memory of normal values, or what was given.
class Array {
 public:
  explicit Array(size_t bytes, bool random = true) {
    CheckCuda(cudaMalloc(&data_, bytes));
    if (!random) {
      CheckCuda(cudaMemset(data_, 0, bytes));
      return;
    }
    static const std::vector<uint16_t> pattern = Pattern();
    for (size_t at = 0; at < bytes; at += pattern.size() * 2) {
      CheckCuda(cudaMemcpy(static_cast<char*>(data_) + at, pattern.data(),
                           std::min(pattern.size() * 2, bytes - at), cudaMemcpyHostToDevice));
    }
  }
  explicit Array(const std::vector<int32_t>& values) : Array(values.size() * 4, false) {
    CheckCuda(cudaMemcpy(data_, values.data(), values.size() * 4, cudaMemcpyHostToDevice));
  }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() { cudaFree(data_); }

  void* get() const { return data_; }

 private:
  static std::vector<uint16_t> Pattern() {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    std::vector<uint16_t> values(4194301);  // a prime number, so that no row repeats
    for (uint16_t& value : values) {
      value = static_cast<uint16_t>(std::bit_cast<uint32_t>(normal(random)) >> 16);
    }
    return values;
  }

  void* data_ = nullptr;
};

double CopyGigabytesPerSecond() {
  constexpr size_t kBytes = size_t{1} << 30;
  const Array from(kBytes);
  const Array to(kBytes);
  const double ms = MedianMs(
      [&](int, cudaStream_t stream) {
        CheckCuda(cudaMemcpyAsync(to.get(), from.get(), kBytes, cudaMemcpyDeviceToDevice, stream));
      },
      5);
  return 2.0 * kBytes / ms / 1e6;
}

double GemmTeraflops() {
  constexpr int kSize = 8192;
  constexpr size_t kBytes = size_t{kSize} * kSize * 2;
  constexpr size_t kWorkspaceBytes = size_t{64} << 20;
  const Array a(kBytes);
  const Array b(kBytes);
  const Array c(kBytes);
  const Array workspace(kWorkspaceBytes);
  cublasHandle_t handle;
  CheckCublas(cublasCreate(&handle));
  const float one = 1;
  const float zero = 0;
  const double ms = MedianMs(
      [&](int, cudaStream_t stream) {
        CheckCublas(cublasSetStream(handle, stream));
        CheckCublas(cublasSetWorkspace(handle, workspace.get(), kWorkspaceBytes));
        CheckCublas(cublasGemmEx(handle, CUBLAS_OP_T, CUBLAS_OP_N, kSize, kSize, kSize, &one,
                                 a.get(), CUDA_R_16BF, kSize, b.get(), CUDA_R_16BF, kSize, &zero,
                                 c.get(), CUDA_R_16BF, kSize, CUBLAS_COMPUTE_32F,
                                 CUBLAS_GEMM_DEFAULT));
      },
      10);
  CheckCublas(cublasDestroy(handle));
  return 2.0 * kSize * kSize * kSize / ms / 1e9;
}

struct DecodeCase {
  const char* name;
  std::vector<int32_t> lengths;
};

// One decode step of a layer. Several copies of the sequences' cache take turns, so that none is
// still in the second-level cache.
void BenchDecode(const DecodeCase& bench, int num_ctas, double copy_gbs) {
  const auto rows = static_cast<int32_t>(bench.lengths.size());
  const int32_t longest = *std::max_element(bench.lengths.begin(), bench.lengths.end());
  const int64_t stride = (longest - 1) / kBlockTokens + 1;
  int64_t tokens = 0;
  int32_t blocks = 0;
  int32_t chunks = 1;
  for (const int32_t length : bench.lengths) {
    tokens += length;
    blocks += (length - 1) / kBlockTokens + 1;
    chunks += (length - 1) / kDecodeChunkTokens + 1;
  }
  constexpr size_t kBlockBytes = size_t{kKvHeads} * kBlockTokens * kHeadDim * 2;
  const auto copies =
      std::max<int32_t>(1, static_cast<int32_t>(kRotatedBytes / (blocks * kBlockBytes * 2)));
  std::vector<int32_t> order(static_cast<size_t>(blocks) * copies);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::mt19937(3));
  std::vector<int32_t> tables(static_cast<size_t>(copies) * rows * stride, -1);
  size_t next = 0;
  for (int32_t copy = 0; copy < copies; ++copy) {
    for (int32_t row = 0; row < rows; ++row) {
      for (int32_t i = 0; i < (bench.lengths[row] - 1) / kBlockTokens + 1; ++i) {
        tables[(static_cast<size_t>(copy) * rows + row) * stride + i] = order[next++];
      }
    }
  }
  const Array k(order.size() * kBlockBytes);
  const Array v(order.size() * kBlockBytes);
  const Array device_tables(tables);
  const Array lengths(bench.lengths);
  const size_t q_bytes = size_t{static_cast<uint32_t>(rows)} * kHeads * kHeadDim * 2;
  const Array q(q_bytes);
  const Array out(q_bytes);
  const Array workspace(vlm::kernels::PagedDecodeWorkspaceBytes(std::max(chunks, rows + 1), kHeads,
                                                                kKvHeads, kHeadDim),
                        false);
  const double ms = MedianMs([&](int i, cudaStream_t stream) {
    CheckCuda(vlm::kernels::LaunchPagedDecodeAttention(
        {.element = Element::kBFloat16,
         .q = q.get(),
         .q_row_stride = kHeads * kHeadDim,
         .out = out.get(),
         .k_cache = k.get(),
         .v_cache = v.get(),
         .tables = static_cast<const int32_t*>(device_tables.get()) + i % copies * rows * stride,
         .table_stride = stride,
         .lengths = static_cast<const int32_t*>(lengths.get()),
         .rows = rows,
         .heads = kHeads,
         .kv_heads = kKvHeads,
         .head_dim = kHeadDim,
         .block_tokens = kBlockTokens,
         .scale = 1.0f / std::sqrt(float{kHeadDim}),
         .workspace = workspace.get(),
         .max_chunks = std::max(chunks, rows + 1),
         .num_ctas = num_ctas},
        stream));
  });
  const double bytes =
      static_cast<double>(tokens) * kKvHeads * kHeadDim * 4 + 2.0 * static_cast<double>(q_bytes);
  const double gbs = bytes / ms / 1e6;
  std::printf("decode  %-24s %5d ctas %10.1f us %8.0f GB/s %5.1f %% of a copy\n", bench.name,
              num_ctas, ms * 1e3, gbs, 100 * gbs / copy_gbs);
}

void PrintSequence(const char* name, double flop, double ms, double gemm_teraflops) {
  const double teraflops = flop / ms / 1e9;
  std::printf("%-40s %10.1f us %8.1f TFLOP/s %5.1f %% of a product\n", name, ms * 1e3, teraflops,
              100 * teraflops / gemm_teraflops);
}

void BenchFull(const char* name, Element element, int32_t rows, int32_t heads, int32_t head_dim,
               double gemm_teraflops) {
  const size_t value_bytes = element == Element::kFloat32 ? 4 : 2;
  const int64_t stride = int64_t{3} * heads * head_dim;
  const size_t row_bytes = static_cast<size_t>(heads) * head_dim * value_bytes;
  const Array qkv(static_cast<size_t>(rows) * row_bytes * 3);
  const Array out(static_cast<size_t>(rows) * row_bytes);
  auto* values = static_cast<char*>(qkv.get());
  const FullAttentionParams params{.element = element,
                                   .q = values,
                                   .q_row_stride = stride,
                                   .q_head_stride = head_dim,
                                   .k = values + row_bytes,
                                   .v = values + 2 * row_bytes,
                                   .kv_row_stride = stride,
                                   .kv_head_stride = head_dim,
                                   .out = out.get(),
                                   .out_row_stride = int64_t{heads} * head_dim,
                                   .out_head_stride = head_dim,
                                   .rows = rows,
                                   .tokens = rows,
                                   .heads = heads,
                                   .head_dim = head_dim,
                                   .scale = 1.0f / std::sqrt(static_cast<float>(head_dim))};
  const double ms = MedianMs(
      [&](int, cudaStream_t stream) { CheckCuda(LaunchFullAttention(params, stream)); }, 2, 5);
  PrintSequence(name, 4.0 * rows * rows * heads * head_dim, ms, gemm_teraflops);
}

void BenchCausal(const char* name, int32_t first, int32_t rows, double gemm_teraflops) {
  const int32_t blocks = (first + rows - 1) / kBlockTokens + 1;
  std::vector<int32_t> table(blocks);
  std::iota(table.begin(), table.end(), 0);
  std::shuffle(table.begin(), table.end(), std::mt19937(3));
  const size_t cache_bytes = static_cast<size_t>(blocks) * kKvHeads * kBlockTokens * kHeadDim * 2;
  const Array k(cache_bytes);
  const Array v(cache_bytes);
  const Array q(static_cast<size_t>(rows) * kHeads * kHeadDim * 2);
  const Array out(static_cast<size_t>(rows) * kHeads * kHeadDim * 2);
  const Array device_table(table);
  const Array device_first(std::vector<int32_t>{first});
  const CausalPagedAttentionParams params{.element = Element::kBFloat16,
                                          .q = q.get(),
                                          .q_row_stride = kHeads * kHeadDim,
                                          .q_head_stride = kHeadDim,
                                          .out = out.get(),
                                          .out_row_stride = kHeads * kHeadDim,
                                          .out_head_stride = kHeadDim,
                                          .k_cache = k.get(),
                                          .v_cache = v.get(),
                                          .table = static_cast<const int32_t*>(device_table.get()),
                                          .first = static_cast<const int32_t*>(device_first.get()),
                                          .rows = rows,
                                          .heads = kHeads,
                                          .kv_heads = kKvHeads,
                                          .head_dim = kHeadDim,
                                          .block_tokens = kBlockTokens,
                                          .scale = 1.0f / std::sqrt(float{kHeadDim})};
  const double ms = MedianMs(
      [&](int, cudaStream_t stream) { CheckCuda(LaunchCausalPagedAttention(params, stream)); }, 3,
      7);
  const double seen = (static_cast<double>(first) + (rows + 1) / 2.0) * rows;
  PrintSequence(name, 4.0 * seen * kHeads * kHeadDim, ms, gemm_teraflops);
}

void Run() {
  cudaDeviceProp device;
  CheckCuda(cudaGetDeviceProperties(&device, 0));
  const double copy_gbs = CopyGigabytesPerSecond();
  const double gemm_teraflops = GemmTeraflops();
  std::printf("%s: a copy at %.0f GB/s, a product at %.0f TFLOP/s\n", device.name, copy_gbs,
              gemm_teraflops);
  std::vector<int32_t> mixed(64, 768);
  mixed.push_back(21000);
  std::vector<int32_t> uneven;
  for (int i = 0; i < 128; ++i) uneven.push_back(100 + i * 173 % 4000);
  const std::vector<DecodeCase> cases = {
      {"1 x 768", {768}},
      {"1 x 21,000", {21000}},
      {"64 x 768", std::vector<int32_t>(64, 768)},
      {"256 x 768", std::vector<int32_t>(256, 768)},
      {"64 x 8,192", std::vector<int32_t>(64, 8192)},
      {"64 x 768 and 21,000", mixed},
      {"128 x 100 to 4,100", uneven},
  };
  for (const int per_processor : {2, 3}) {
    for (const DecodeCase& bench : cases) {
      BenchDecode(bench, per_processor * device.multiProcessorCount, copy_gbs);
    }
  }
  BenchFull("full bf16 29,600, 12 x 128", Element::kBFloat16, 29600, 12, 128, gemm_teraflops);
  BenchFull("full bf16 4,096, 12 x 128", Element::kBFloat16, 4096, 12, 128, gemm_teraflops);
  BenchFull("full bf16 16,384, 16 x 64", Element::kBFloat16, 16384, 16, 64, gemm_teraflops);
  BenchFull("full float32 4,096, 4 x 64", Element::kFloat32, 4096, 4, 64, gemm_teraflops);
  BenchCausal("causal bf16 8,192 from 0, 32/2 x 128", 0, 8192, gemm_teraflops);
  BenchCausal("causal bf16 2,048 from 14,000", 14000, 2048, gemm_teraflops);
  BenchCausal("causal bf16 128 from 4,000", 4000, 128, gemm_teraflops);
}

}  // namespace
}  // namespace glyph::bench

int main() { glyph::bench::Run(); }
