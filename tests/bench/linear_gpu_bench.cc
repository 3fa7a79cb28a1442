// How fast linear maps run: decode shapes of GLM-4.1V-9B against a copy of memory, shapes of
// prefill and vision against a product of 8192 x 8192 matrices by cuBLAS. Needs 6 GB on the
// device.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <random>
#include <vector>

#include "tests/bench/gpu_timer.h"
#include "vlm_service/kernels/gemm.h"
#include "vlm_service/kernels/skinny_linear.h"

namespace glyph::bench {
namespace {

using vlm::kernels::Element;
using vlm::kernels::Gemm;
using vlm::kernels::GemmParams;
using vlm::kernels::SkinnyLinearParams;

constexpr size_t kWorkspaceBytes = size_t{64} << 20;
constexpr size_t kPoolBytes = size_t{5} << 29;  // the weight of the head, twice
constexpr int kInner = 20;

struct Shape {
  const char* name;
  int64_t out;
  int64_t in;
  bool bias;
  bool gated;  // out counts gate and up
};

// Memory that all measurements share: weights rotate through `weights`.
struct Memory {
  char* weights;
  char* x;
  char* y;
  char* bias;
  char* workspace;
};

// `bytes` of random bfloat16 values: constant ones would draw less power than a model does.
char* Allocate(size_t bytes) {
  constexpr size_t kBlock = size_t{8} << 20;
  static const std::vector<uint16_t> values = [] {
    std::mt19937 random(1);
    std::normal_distribution<float> normal(0.0f, 0.02f);
    std::vector<uint16_t> block(kBlock / 2);
    for (uint16_t& value : block) {
      value = static_cast<uint16_t>(std::bit_cast<uint32_t>(normal(random)) >> 16);
    }
    return block;
  }();
  void* data = nullptr;
  CheckCuda(cudaMalloc(&data, bytes));
  for (size_t at = 0; at < bytes; at += kBlock) {
    CheckCuda(cudaMemcpy(static_cast<char*>(data) + at, values.data(), std::min(kBlock, bytes - at),
                         cudaMemcpyHostToDevice));
  }
  return static_cast<char*>(data);
}

// The weight that launch i reads: never one that the second-level cache still holds.
const char* WeightOf(const Memory& memory, const Shape& shape, int i) {
  const size_t bytes = static_cast<size_t>(shape.out * shape.in * 2);
  const auto copies = std::max<size_t>(1, kPoolBytes / bytes);
  return memory.weights + static_cast<size_t>(i) % copies * bytes;
}

GemmParams GemmOf(const Memory& memory, const Shape& shape, int64_t rows, int i) {
  return {.type = Element::kBFloat16,
          .x = memory.x,
          .weight = WeightOf(memory, shape, i),
          .bias = shape.bias ? memory.bias : nullptr,
          .y = memory.y,
          .rows = rows,
          .in_features = shape.in,
          .out_features = shape.out,
          .x_stride = shape.in,
          .y_stride = shape.out};
}

double GemmMs(Gemm& gemm, const Memory& memory, const Shape& shape, int64_t rows, bool tune,
              int inner = kInner) {
  if (tune && !gemm.Tune(GemmOf(memory, shape, rows, 0), nullptr).ok()) std::exit(1);
  return MedianMs(
      [&](int i, cudaStream_t stream) {
        if (!gemm.Run(GemmOf(memory, shape, rows, i), stream).ok()) std::exit(1);
      },
      inner);
}

double SkinnyMs(const Memory& memory, const Shape& shape, int64_t rows, bool gated, bool overlap) {
  return MedianMs(
      [&](int i, cudaStream_t stream) {
        SkinnyLinearParams params = {};
        params.x = memory.x;
        params.weight = WeightOf(memory, shape, i);
        params.bias = shape.bias ? memory.bias : nullptr;
        params.y = memory.y;
        params.rows = rows;
        params.in_features = shape.in;
        params.out_features = shape.out;
        params.x_stride = shape.in;
        params.y_stride = gated ? shape.out / 2 : shape.out;
        params.gated = gated;
        params.overlap = overlap;
        CheckCuda(vlm::kernels::LaunchSkinnyLinear(params, stream));
      },
      kInner);
}

double CopyBandwidth(const Memory& memory) {
  const size_t bytes = kPoolBytes / 2;
  const double ms = MedianMs(
      [&](int, cudaStream_t stream) {
        CheckCuda(cudaMemcpyAsync(memory.weights, memory.weights + bytes, bytes,
                                  cudaMemcpyDeviceToDevice, stream));
      },
      4);
  return 2e-6 * static_cast<double>(bytes) / ms;
}

void PrintRow(const Shape& shape, const char* way, int64_t rows, double ms, double copy) {
  const double bandwidth = 2e-6 * static_cast<double>(shape.out * shape.in) / ms;
  std::printf("%-8s %5lld  %-18s %9.1f %8.0f %6.1f%%\n", shape.name, static_cast<long long>(rows),
              way, ms * 1e3, bandwidth, 100 * bandwidth / copy);
  std::fflush(stdout);
}

void MeasureKernels(const Memory& memory, const Shape& shape, int64_t rows, bool hopper,
                    double copy) {
  const auto measure = [&](const char* way, bool overlap) {
    const double ms = SkinnyMs(memory, shape, rows, shape.gated, overlap);
    PrintRow(shape, way, rows, ms, copy);
  };
  if (rows > vlm::kernels::kMaxSkinnyRows) return;
  measure("skinny", false);
  if (hopper) measure("skinny, overlap", true);
}

void MeasureDecode(Gemm& gemm, const Memory& memory, bool hopper) {
  const std::vector<Shape> shapes = {{"qkv", 4608, 4096, true, false},
                                     {"o", 4096, 4096, false, false},
                                     {"gate_up", 27392, 4096, false, true},
                                     {"down", 4096, 13696, false, false},
                                     {"head", 151552, 4096, false, false}};
  const double copy = CopyBandwidth(memory);
  std::printf("copy %.0f GB/s read and written\n", copy);
  std::printf("%-8s %5s  %-18s %9s %8s %7s\n", "shape", "rows", "way", "us", "GB/s", "copy");
  for (const Shape& shape : shapes) {
    for (const int64_t rows : {1, 2, 4, 8, 16, 32, 64, 128, 256}) {
      MeasureKernels(memory, shape, rows, hopper, copy);
      PrintRow(shape, "cublas", rows, GemmMs(gemm, memory, shape, rows, false), copy);
      PrintRow(shape, "cublas, tuned", rows, GemmMs(gemm, memory, shape, rows, true), copy);
    }
  }
}

void MeasurePrefill(Gemm& gemm, const Memory& memory) {
  const Shape square = {"square", 8192, 8192, false, false};
  const auto rate = [](const Shape& shape, int64_t rows, double ms) {
    return 2e-9 * static_cast<double>(rows) * static_cast<double>(shape.out * shape.in) / ms;
  };
  const double peak = rate(square, 8192, GemmMs(gemm, memory, square, 8192, true, 4));
  std::printf("\n8192 x 8192 x 8192: %.0f TFLOP/s\n", peak);
  std::printf("%-14s %6s  %10s %8s %6s %10s %8s %6s\n", "out x in", "rows", "first us", "TFLOP/s",
              "peak", "tuned us", "TFLOP/s", "peak");
  const std::vector<Shape> shapes = {
      {"4608x4096", 4608, 4096, true, false},    {"4096x4096", 4096, 4096, false, false},
      {"27392x4096", 27392, 4096, false, false}, {"4096x13696", 4096, 13696, false, false},
      {"4608x1536", 4608, 1536, false, false},   {"1536x1536", 1536, 1536, false, false},
      {"8192x1536", 8192, 1536, false, false},   {"1536x4096", 1536, 4096, false, false}};
  for (const Shape& shape : shapes) {
    for (const int64_t rows : {512, 2048, 7400, 29600}) {
      const double first = GemmMs(gemm, memory, shape, rows, false, 4);
      const double tuned = GemmMs(gemm, memory, shape, rows, true, 4);
      const double first_rate = rate(shape, rows, first);
      const double tuned_rate = rate(shape, rows, tuned);
      std::printf("%-14s %6lld  %10.1f %8.0f %5.1f%% %10.1f %8.0f %5.1f%%\n", shape.name,
                  static_cast<long long>(rows), first * 1e3, first_rate, 100 * first_rate / peak,
                  tuned * 1e3, tuned_rate, 100 * tuned_rate / peak);
      std::fflush(stdout);
    }
  }
}

int Run() {
  cudaDeviceProp device;
  CheckCuda(cudaGetDeviceProperties(&device, 0));
  std::printf("%s, %d SMs\n", device.name, device.multiProcessorCount);
  const Memory memory = {.weights = Allocate(kPoolBytes),
                         .x = Allocate(size_t{29600} * 13696 * 2),
                         .y = Allocate(size_t{29600} * 27392 * 2),
                         .bias = Allocate(size_t{1} << 20),
                         .workspace = Allocate(kWorkspaceBytes)};
  auto gemm = Gemm::Create(memory.workspace, kWorkspaceBytes);
  if (!gemm.ok()) {
    std::printf("%s\n", gemm.status().ToString().c_str());
    return 1;
  }
  MeasureDecode(**gemm, memory, device.major >= 9);
  MeasurePrefill(**gemm, memory);
  return 0;
}

}  // namespace
}  // namespace glyph::bench

int main() { return glyph::bench::Run(); }
