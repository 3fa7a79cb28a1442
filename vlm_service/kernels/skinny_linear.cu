#include <algorithm>

#include "vlm_service/kernels/linear_epilogue.cuh"
#include "vlm_service/kernels/linear_launch.h"
#include "vlm_service/kernels/skinny_linear.h"
#include "vlm_service/kernels/weight_stream.cuh"

// As many blocks as there are SMs share the weight (weight_stream.cuh), in passes of 32 rows.
namespace glyph::vlm::kernels {
namespace {

constexpr int kWeightTiles = 2;
constexpr int kPassRows = 16 * kWeightTiles;
constexpr int kWeightPieces = 2 * kWeightTiles;

// kTiles: tiles of 8 rows of x. Two blocks fit into an SM of Hopper, so that the next kernel can
// begin; one fits into an SM of Ada.
template <int kTiles, bool kHopper>
struct Shape {
  static constexpr int kStages = (kTiles == 1 ? 5 : 4) - (kHopper ? 0 : 1);
  static constexpr int kInputOffset = kWeightPieces * kPieceBytes;
  static constexpr int kStageBytes = kInputOffset + kTiles * kPieceBytes;
  static constexpr int kRingBytes = kStages * kStageBytes;
  static constexpr int kSumBytes = kWarps * kTiles * 8 * kPassRows * 4;
  static constexpr int kSharedBytes = kRingBytes + kSumBytes;
};
static_assert(2 * (Shape<2, true>::kSharedBytes + 1024) <= 228 * 1024);
static_assert(2 * (Shape<1, true>::kSharedBytes + 1024) <= 228 * 1024);
static_assert(std::max(Shape<1, false>::kSharedBytes, Shape<2, false>::kSharedBytes) <= 99 * 1024);

// Stores what a warp has summed as sums[warp].
template <int kTiles>
__device__ inline void StoreSums(const float (&acc)[kWeightTiles][kTiles][4], float* sums) {
  const int lane = threadIdx.x % 32;
  float* own = sums + threadIdx.x / 32 * kTiles * 8 * kPassRows;
#pragma unroll
  for (int m = 0; m < kWeightTiles; ++m) {
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int row = tile * 8 + lane % 4 * 2 + i % 2;
        const int column = m * 16 + i / 2 * 8 + lane / 4;
        own[SumIndex<kPassRows>(row, column)] = acc[m][tile][i];
      }
    }
  }
}

// The sum of all warps, always added in the same order.
template <int kTiles>
__device__ inline float SumOfWarps(const float* sums, int row, int column) {
  const float* value = sums + SumIndex<kPassRows>(row, column);
  float sum = value[0];
#pragma unroll
  for (int warp = 1; warp < kWarps; ++warp) sum += value[warp * kTiles * 8 * kPassRows];
  return sum;
}

// Stores the outputs [begin, begin + count) of one pass.
template <int kTiles, bool kGated>
__device__ inline void StoreOutputs(const SkinnyLinearParams& p, const float* sums, int64_t begin,
                                    int count) {
  constexpr int kOutputs = kGated ? kPassRows / 2 : kPassRows;
  for (int item = threadIdx.x; item < kOutputs * p.rows; item += kThreads) {
    const int row = item / kOutputs;
    const int column = item % kOutputs;
    if (column >= count) continue;
    const int64_t output = begin + column;
    float value = RoundedSum(SumOfWarps<kTiles>(sums, row, column), p.bias, output);
    if constexpr (kGated) {
      const int64_t up_output = output + p.out_features / 2;
      const float up =
          RoundedSum(SumOfWarps<kTiles>(sums, row, column + kOutputs), p.bias, up_output);
      value = SiluMul(value, up);
    }
    static_cast<__nv_bfloat16*>(p.y)[row * p.y_stride + output] = __float2bfloat16_rn(value);
  }
}

template <int kTiles, bool kGated>
__global__ void __launch_bounds__(kThreads, 2) SkinnyLinearKernel(SkinnyLinearParams p) {
#if __CUDA_ARCH__ >= 900
  using S = Shape<kTiles, true>;
#else
  using S = Shape<kTiles, false>;
#endif
  using Weights = WeightReader<kWeightTiles, 1, kGated>;
  extern __shared__ __align__(128) unsigned char shared[];
  const uint32_t ring = static_cast<uint32_t>(__cvta_generic_to_shared(shared)) + threadIdx.x * 16;
  float* sums = reinterpret_cast<float*>(shared + S::kRingBytes);
  LetNextKernelStart();

  const Share<1> share(kGated ? p.out_features / 2 : p.out_features, Weights::kPassOutputs);
  const int steps = StepsOf<1>(p.in_features);
  const uint64_t policy = EvictFirstPolicy();
  Weights weights(p, share);
  InputReader<kTiles, 1> inputs(p, share.passes);
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
      uint4 x[kTiles];
      uint4 w[kWeightPieces];
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile) {
        x[tile] = LoadShared(read + S::kInputOffset + tile * kPieceBytes);
      }
#pragma unroll
      for (int piece = 0; piece < kWeightPieces; ++piece) {
        w[piece] = LoadShared(read + piece * kPieceBytes);
      }
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile) {
        MultiplyAdd(acc[0][tile], w[0], w[1], x[tile]);
        MultiplyAdd(acc[1][tile], w[2], w[3], x[tile]);
      }
      write = read;
      read += S::kStageBytes;
      if (read == ring + S::kRingBytes) read = ring;
    }
    __syncthreads();
    StoreSums<kTiles>(acc, sums);
    __syncthreads();
    const int begin = share.PassBegin(pass);
    StoreOutputs<kTiles, kGated>(p, sums, share.begin + begin, share.PassBegin(pass + 1) - begin);
  }
}

template <int kTiles, bool kGated>
cudaError_t Launch(const SkinnyLinearParams& params, LinearDevice device, cudaStream_t stream) {
  const int shared_bytes =
      device.hopper ? Shape<kTiles, true>::kSharedBytes : Shape<kTiles, false>::kSharedBytes;
  auto* kernel = SkinnyLinearKernel<kTiles, kGated>;
  const cudaError_t error =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes);
  if (error != cudaSuccess) return error;
  const int64_t outputs = kGated ? params.out_features / 2 : params.out_features;
  cudaLaunchAttribute attribute = {};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(std::min<int64_t>(device.processors, outputs)));
  config.blockDim = dim3(kThreads);
  config.dynamicSmemBytes = static_cast<size_t>(shared_bytes);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = params.overlap ? 1 : 0;
  return cudaLaunchKernelEx(&config, kernel, params);
}

}  // namespace

cudaError_t LaunchSkinnyLinear(const SkinnyLinearParams& params, cudaStream_t stream) {
  if (!ValidLinear(params, kMaxSkinnyRows)) return cudaErrorInvalidValue;
  if (params.rows == 0) return cudaSuccess;
  LinearDevice device = {};
  const cudaError_t error = ReadLinearDevice(device);
  if (error != cudaSuccess) return error;
  if (params.rows <= 8) {
    return params.gated ? Launch<1, true>(params, device, stream)
                        : Launch<1, false>(params, device, stream);
  }
  return params.gated ? Launch<2, true>(params, device, stream)
                      : Launch<2, false>(params, device, stream);
}

}  // namespace glyph::vlm::kernels
