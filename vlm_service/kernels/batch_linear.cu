#include <algorithm>

#include "vlm_service/kernels/batch_linear.h"
#include "vlm_service/kernels/cluster.cuh"
#include "vlm_service/kernels/linear_epilogue.cuh"
#include "vlm_service/kernels/linear_launch.h"
#include "vlm_service/kernels/weight_stream.cuh"

// Pairs of blocks share the weight (weight_stream.cuh), in passes of 64 rows: with more rows of x,
// reading it from L2 would otherwise cost more than reading the weight. Each block of a pair sums
// over its half of the turns, and stores half of the outputs.
namespace glyph::vlm::kernels {
namespace {

constexpr int kBlocks = 2;  // of a pair
constexpr int kWeightTiles = 4;
constexpr int kPassRows = 16 * kWeightTiles;
constexpr int kWeightPieces = 2 * kWeightTiles;

// kTiles: tiles of 8 rows of x.
template <int kTiles>
struct Shape {
  static constexpr int kStages = kTiles <= 4 ? 4 : 3;
  static constexpr int kInputOffset = kWeightPieces * kPieceBytes;
  static constexpr int kStageBytes = kInputOffset + kTiles * kPieceBytes;
  static constexpr int kRingBytes = kStages * kStageBytes;
  static constexpr int kWarpSumBytes = kWarps * 8 * kPassRows * 4;  // of one tile of x
  static constexpr int kSumBytes = kTiles * 8 * kPassRows * 4;
  static constexpr int kSharedBytes = kRingBytes + kWarpSumBytes + kSumBytes;
};
static_assert(std::max(Shape<4>::kSharedBytes, Shape<8>::kSharedBytes) <= 227 * 1024);

// Adds up what the warps of the block have summed, in a fixed order, one tile of x after the other.
template <int kTiles>
__device__ inline void AddUpWarps(const float (&acc)[kWeightTiles][kTiles][4], float* warp_sums,
                                  float* sums) {
  constexpr int kTileSums = 8 * kPassRows;
  const int lane = threadIdx.x % 32;
  float* own = warp_sums + threadIdx.x / 32 * kTileSums;
#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
    __syncthreads();
#pragma unroll
    for (int m = 0; m < kWeightTiles; ++m) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int column = m * 16 + i / 2 * 8 + lane / 4;
        own[SumIndex<kPassRows>(lane % 4 * 2 + i % 2, column)] = acc[m][tile][i];
      }
    }
    __syncthreads();
#pragma unroll
    for (int item = threadIdx.x; item < kTileSums; item += kThreads) {
      float sum = warp_sums[item];
#pragma unroll
      for (int warp = 1; warp < kWarps; ++warp) sum += warp_sums[warp * kTileSums + item];
      sums[tile * kTileSums + item] = sum;
    }
  }
}

// Stores this block's half of the outputs [begin, begin + count) of a pass. `sums` and `other_sums`
// are those of the first and second block of the pair, in shared memory of the cluster.
template <bool kGated>
__device__ inline void StoreOutputs(const SkinnyLinearParams& p, uint32_t sums, uint32_t other_sums,
                                    int64_t begin, int count) {
  constexpr int kOutputs = kGated ? kPassRows / 2 : kPassRows;
  const auto sum_of = [&](int row, int column) {
    const uint32_t offset = static_cast<uint32_t>(SumIndex<kPassRows>(row, column)) * 4;
    return LoadClusterFloat(sums + offset) + LoadClusterFloat(other_sums + offset);
  };
  const int rows = static_cast<int>(p.rows);
  const int middle = (rows + 1) / 2;
  const int first_row = blockIdx.x % kBlocks == 0 ? 0 : middle;
  const int num_rows = blockIdx.x % kBlocks == 0 ? middle : rows - middle;
  for (int item = threadIdx.x; item < kOutputs * num_rows; item += kThreads) {
    const int row = first_row + item / kOutputs;
    const int column = item % kOutputs;
    if (column >= count) continue;
    const int64_t output = begin + column;
    float value = RoundedSum(sum_of(row, column), p.bias, output);
    if constexpr (kGated) {
      const float up =
          RoundedSum(sum_of(row, column + kOutputs), p.bias, output + p.out_features / 2);
      value = SiluMul(value, up);
    }
    static_cast<__nv_bfloat16*>(p.y)[row * p.y_stride + output] = __float2bfloat16_rn(value);
  }
}

template <int kTiles>
__device__ inline void MultiplyStep(float (&acc)[kWeightTiles][kTiles][4], uint32_t stage) {
  uint4 w[kWeightPieces];
#pragma unroll
  for (int piece = 0; piece < kWeightPieces; ++piece) {
    w[piece] = LoadShared(stage + piece * kPieceBytes);
  }
#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
    const uint4 x = LoadShared(stage + Shape<kTiles>::kInputOffset + tile * kPieceBytes);
#pragma unroll
    for (int m = 0; m < kWeightTiles; ++m) {
      MultiplyAdd(acc[m][tile], w[2 * m], w[2 * m + 1], x);
    }
  }
}

template <int kTiles, bool kGated>
__global__ void __launch_bounds__(kThreads, 1) BatchLinearKernel(SkinnyLinearParams p) {
#if __CUDA_ARCH__ >= 900
  using S = Shape<kTiles>;
  using Weights = WeightReader<kWeightTiles, kBlocks, kGated>;
  extern __shared__ __align__(128) unsigned char shared[];
  const auto shared_address = static_cast<uint32_t>(__cvta_generic_to_shared(shared));
  const uint32_t ring = shared_address + threadIdx.x * 16;
  float* warp_sums = reinterpret_cast<float*>(shared + S::kRingBytes);
  float* sums = reinterpret_cast<float*>(shared + S::kRingBytes + S::kWarpSumBytes);
  const uint32_t sums_address = shared_address + S::kRingBytes + S::kWarpSumBytes;
  const uint32_t first_sums = AddressInCluster(sums_address, 0);
  const uint32_t second_sums = AddressInCluster(sums_address, 1);
  LetNextKernelStart();

  const Share<kBlocks> share(kGated ? p.out_features / 2 : p.out_features, Weights::kPassOutputs);
  const int steps = StepsOf<kBlocks>(p.in_features);
  const uint64_t policy = EvictFirstPolicy();
  Weights weights(p, share);
  InputReader<kTiles, kBlocks> inputs(p, share.passes);
#pragma unroll
  for (int stage = 0; stage < S::kStages - 1; ++stage) {
    weights.Copy(ring + stage * S::kStageBytes, policy);
  }
  WaitForKernelBefore();
#pragma unroll
  for (int stage = 0; stage < S::kStages - 1; ++stage) {
    inputs.Copy(ring + stage * S::kStageBytes + S::kInputOffset);
    CommitCopies();
  }

  uint32_t read = ring;
  uint32_t write = ring + (S::kStages - 1) * S::kStageBytes;
  for (int pass = 0; pass < share.passes; ++pass) {
    float acc[kWeightTiles][kTiles][4] = {};
    for (int step = 0; step < steps; ++step) {
      WaitForCopies<S::kStages - 2>();
      weights.Copy(write, policy);
      inputs.Copy(write + S::kInputOffset);
      CommitCopies();
      MultiplyStep<kTiles>(acc, read);
      write = read;
      read += S::kStageBytes;
      if (read == ring + S::kRingBytes) read = ring;
    }
    // The other block has read this one's sums of the pass before.
    if (pass > 0) WaitForCluster();
    AddUpWarps<kTiles>(acc, warp_sums, sums);
    ArriveInCluster();
    WaitForCluster();
    const int begin = share.PassBegin(pass);
    StoreOutputs<kGated>(p, first_sums, second_sums, share.begin + begin,
                         share.PassBegin(pass + 1) - begin);
    ArriveInCluster();
  }
  // Shared memory lives on until the other block has read it.
  WaitForCluster();
#endif
}

template <int kTiles, bool kGated>
cudaError_t Launch(const SkinnyLinearParams& params, int processors, cudaStream_t stream) {
  constexpr int kSharedBytes = Shape<kTiles>::kSharedBytes;
  auto* kernel = BatchLinearKernel<kTiles, kGated>;
  const cudaError_t error =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kSharedBytes);
  if (error != cudaSuccess) return error;
  const int64_t outputs = kGated ? params.out_features / 2 : params.out_features;
  const int64_t pairs = std::min<int64_t>(std::max(processors / kBlocks, 1), outputs);
  cudaLaunchAttribute attributes[2] = {};
  attributes[0].id = cudaLaunchAttributeClusterDimension;
  attributes[0].val.clusterDim.x = kBlocks;
  attributes[0].val.clusterDim.y = 1;
  attributes[0].val.clusterDim.z = 1;
  attributes[1].id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attributes[1].val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(pairs * kBlocks));
  config.blockDim = dim3(kThreads);
  config.dynamicSmemBytes = kSharedBytes;
  config.stream = stream;
  config.attrs = attributes;
  config.numAttrs = params.overlap ? 2 : 1;
  return cudaLaunchKernelEx(&config, kernel, params);
}

}  // namespace

cudaError_t LaunchBatchLinear(const SkinnyLinearParams& params, cudaStream_t stream) {
  if (!ValidLinear(params, kMaxBatchRows)) return cudaErrorInvalidValue;
  if (params.rows == 0) return cudaSuccess;
  LinearDevice device = {};
  const cudaError_t error = ReadLinearDevice(device);
  if (error != cudaSuccess) return error;
  if (!device.hopper) return cudaErrorNotSupported;
  if (params.rows <= 32) {
    return params.gated ? Launch<4, true>(params, device.processors, stream)
                        : Launch<4, false>(params, device.processors, stream);
  }
  return params.gated ? Launch<8, true>(params, device.processors, stream)
                      : Launch<8, false>(params, device.processors, stream);
}

}  // namespace glyph::vlm::kernels
