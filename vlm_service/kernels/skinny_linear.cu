#include <cuda_bf16.h>

#include <algorithm>

#include "vlm_service/kernels/skinny_linear.h"
#include "vlm_service/kernels/streaming.cuh"

// The rows of the weight are shared out evenly, to the row, between as many blocks as there are
// SMs. A block walks over its rows in passes of at most 32. In a pass its eight warps share the
// summed index, in turns of 64 values, and add their sums up in shared memory. Every thread copies
// the 16-byte pieces that it will multiply into a ring of its own, several steps ahead and over the
// ends of passes, so nothing but the sums needs a barrier.
namespace glyph::vlm::kernels {
namespace {

constexpr int kWarps = 8;
constexpr int kThreads = kWarps * 32;
constexpr int kPassRows = 32;     // of the weight: two matrix tiles
constexpr int kStepValues = 32;   // of the summed index, per warp and step
constexpr int kTurnValues = 64;   // 128 bytes of a row, in two steps
constexpr int kWeightPieces = 4;  // of 16 bytes, per thread and step: one per 8 rows

// kTiles: tiles of 8 rows of x. Two blocks fit into an SM of Hopper, so that the next kernel can
// begin; one fits into an SM of Ada.
template <int kTiles, bool kHopper>
struct Shape {
  static constexpr int kStages = (kTiles == 1 ? 5 : 4) - (kHopper ? 0 : 1);
  static constexpr int kPieces = kWeightPieces + kTiles;
  static constexpr int kStageBytes = kPieces * kThreads * 16;
  static constexpr int kRingBytes = kStages * kStageBytes;
  static constexpr int kSumBytes = kWarps * kTiles * 8 * kPassRows * 4;
  static constexpr int kSharedBytes = kRingBytes + kSumBytes;
};

// The rows of the weight that a block multiplies: outputs [begin, begin + count) in passes.
struct Share {
  int64_t begin;
  int count;
  int passes;

  __device__ Share(int64_t outputs, int pass_outputs) {
    begin = outputs * blockIdx.x / gridDim.x;
    count = static_cast<int>(outputs * (blockIdx.x + 1) / gridDim.x - begin);
    passes = (count + pass_outputs - 1) / pass_outputs;
  }
  // Where a pass begins, counted from `begin`; pass `passes` begins at the end.
  __device__ int PassBegin(int pass) const { return count * pass / passes; }
};

// Where a thread's copies of one matrix tile row come from, step by step.
template <bool kGated>
struct WeightReader {
  const Share& share;
  const __nv_bfloat16* weight;
  int64_t in_features;
  int64_t half;  // of the output features
  int steps;
  int pass = 0;
  int step = 0;
  const __nv_bfloat16* source[kWeightPieces];
  bool valid[kWeightPieces];

  __device__ void StartPass() {
    const int group = threadIdx.x % 32 / 4;
    const int begin = share.PassBegin(pass);
    const int count = share.PassBegin(pass + 1) - begin;
#pragma unroll
    for (int piece = 0; piece < kWeightPieces; ++piece) {
      const int local = kGated ? group + piece % 2 * 8 : group + piece * 8;
      const int64_t row = share.begin + begin + local + (kGated && piece >= 2 ? half : 0);
      valid[piece] = local < count;
      source[piece] = weight + (valid[piece] ? row * in_features : 0);
    }
  }

  // Copies the pieces of one step and moves on.
  __device__ void Copy(uint32_t target, uint64_t policy);
};

// The first value of the summed index that this thread handles in a step of a pass.
__device__ inline int FirstValue(int step) {
  const int warp = threadIdx.x / 32;
  return ((step >> 1) * kWarps + warp) * kTurnValues + (step & 1) * kStepValues +
         threadIdx.x % 4 * 8;
}

template <bool kGated>
__device__ void WeightReader<kGated>::Copy(uint32_t target, uint64_t policy) {
  if (pass == share.passes) return;
  const int value = FirstValue(step);
  const bool inside = value < in_features;
#pragma unroll
  for (int piece = 0; piece < kWeightPieces; ++piece) {
    const bool copy = valid[piece] && inside;
    CopyAsync(target + piece * kThreads * 16, source[piece] + (copy ? value : 0), copy, policy);
  }
  if (++step < steps) return;
  step = 0;
  if (++pass < share.passes) StartPass();
}

// Where a thread's copies of x come from; the same in every pass.
template <int kTiles>
struct InputReader {
  const __nv_bfloat16* source[kTiles];
  bool valid[kTiles];
  int64_t in_features;
  int steps;
  int left;  // steps of all passes
  int step = 0;

  __device__ InputReader(const SkinnyLinearParams& p, int steps, int left)
      : in_features(p.in_features), steps(steps), left(left) {
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
      const int64_t row = tile * 8 + threadIdx.x % 32 / 4;
      valid[tile] = row < p.rows;
      source[tile] = static_cast<const __nv_bfloat16*>(p.x) + (valid[tile] ? row * p.x_stride : 0);
    }
  }

  __device__ void Copy(uint32_t target) {
    if (left == 0) return;
    --left;
    const int value = FirstValue(step);
    const bool inside = value < in_features;
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
      const bool copy = valid[tile] && inside;
      CopyAsync(target + tile * kThreads * 16, source[tile] + (copy ? value : 0), copy);
    }
    if (++step == steps) step = 0;
  }
};

__device__ inline float RoundedSum(float sum, const void* bias, int64_t output) {
  if (bias != nullptr) sum += __bfloat162float(static_cast<const __nv_bfloat16*>(bias)[output]);
  return __bfloat162float(__float2bfloat16_rn(sum));
}

// Sums of all warps for one weight row and one row of x, always added in the same order.
template <int kTiles>
__device__ inline float SumOfWarps(const float* sums, int row, int column) {
  const float* value = sums + row * kPassRows + (column ^ (row / 2 % 4 * 8));
  float sum = value[0];
#pragma unroll
  for (int warp = 1; warp < kWarps; ++warp) sum += value[warp * kTiles * 8 * kPassRows];
  return sum;
}

// Writes the sums of a warp as sums[warp][row of x][weight row], the latter xor 8 (row / 2 % 4):
// neither this nor SumOfWarps has bank conflicts.
template <int kTiles>
__device__ inline void StoreSums(const float (&acc)[2][kTiles][4], float* sums) {
  const int lane = threadIdx.x % 32;
  float* own = sums + threadIdx.x / 32 * kTiles * 8 * kPassRows;
#pragma unroll
  for (int m = 0; m < 2; ++m) {
#pragma unroll
    for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int row = tile * 8 + lane % 4 * 2 + i % 2;
        const int column = m * 16 + i / 2 * 8 + lane / 4;
        own[row * kPassRows + (column ^ (row / 2 % 4 * 8))] = acc[m][tile][i];
      }
    }
  }
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
      const float up = RoundedSum(SumOfWarps<kTiles>(sums, row, column + 16), p.bias,
                                  output + p.out_features / 2);
      value = __bfloat162float(__float2bfloat16_rn(value / (1.0f + expf(-value)))) * up;
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
  extern __shared__ __align__(128) unsigned char shared[];
  const uint32_t ring = static_cast<uint32_t>(__cvta_generic_to_shared(shared)) + threadIdx.x * 16;
  float* sums = reinterpret_cast<float*>(shared + S::kRingBytes);
  LetNextKernelStart();

  const Share share(kGated ? p.out_features / 2 : p.out_features,
                    kGated ? kPassRows / 2 : kPassRows);
  const int turns = static_cast<int>((p.in_features + kTurnValues - 1) / kTurnValues);
  const int steps = (turns + kWarps - 1) / kWarps * 2;
  const uint64_t policy = EvictFirstPolicy();
  WeightReader<kGated> weights{.share = share,
                               .weight = static_cast<const __nv_bfloat16*>(p.weight),
                               .in_features = p.in_features,
                               .half = p.out_features / 2,
                               .steps = steps};
  InputReader<kTiles> inputs(p, steps, share.passes * steps);
  constexpr int kInputOffset = kWeightPieces * kThreads * 16;

  weights.StartPass();
#pragma unroll
  for (int stage = 0; stage < S::kStages - 1; ++stage) {
    weights.Copy(ring + stage * S::kStageBytes, policy);
  }
  WaitForKernelBefore();
#pragma unroll
  for (int stage = 0; stage < S::kStages - 1; ++stage) {
    inputs.Copy(ring + stage * S::kStageBytes + kInputOffset);
    CommitCopies();
  }

  uint32_t read = ring;
  uint32_t write = ring + (S::kStages - 1) * S::kStageBytes;
  for (int pass = 0; pass < share.passes; ++pass) {
    float acc[2][kTiles][4] = {};
    for (int step = 0; step < steps; ++step) {
      WaitForCopies<S::kStages - 2>();
      weights.Copy(write, policy);
      inputs.Copy(write + kInputOffset);
      CommitCopies();
      uint4 x[kTiles];
      uint4 w[kWeightPieces];
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile) {
        x[tile] = LoadShared(read + kInputOffset + tile * kThreads * 16);
      }
#pragma unroll
      for (int piece = 0; piece < kWeightPieces; ++piece) {
        w[piece] = LoadShared(read + piece * kThreads * 16);
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

struct Device {
  int processors;
  bool hopper;
};

template <int kTiles, bool kGated>
cudaError_t Launch(const SkinnyLinearParams& params, Device device, cudaStream_t stream) {
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

cudaError_t ReadDevice(Device& device) {
  int ordinal = 0;
  int major = 0;
  cudaError_t error = cudaGetDevice(&ordinal);
  if (error != cudaSuccess) return error;
  error = cudaDeviceGetAttribute(&device.processors, cudaDevAttrMultiProcessorCount, ordinal);
  if (error != cudaSuccess) return error;
  error = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, ordinal);
  device.hopper = major >= 9;
  return error;
}

bool Aligned(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 16 == 0; }

bool Valid(const SkinnyLinearParams& p) {
  return p.rows >= 0 && p.rows <= kMaxSkinnyRows && p.in_features > 0 && p.in_features % 8 == 0 &&
         p.in_features < (int64_t{1} << 30) && p.out_features > 0 &&
         p.out_features < (int64_t{1} << 30) && p.x_stride % 8 == 0 &&
         !(p.gated && p.out_features % 2 != 0) && Aligned(p.x) && Aligned(p.weight);
}

}  // namespace

cudaError_t LaunchSkinnyLinear(const SkinnyLinearParams& params, cudaStream_t stream) {
  if (!Valid(params)) return cudaErrorInvalidValue;
  if (params.rows == 0) return cudaSuccess;
  Device device = {};
  const cudaError_t error = ReadDevice(device);
  if (error != cudaSuccess) return error;
  if (params.rows <= 8) {
    return params.gated ? Launch<1, true>(params, device, stream)
                        : Launch<1, false>(params, device, stream);
  }
  return params.gated ? Launch<2, true>(params, device, stream)
                      : Launch<2, false>(params, device, stream);
}

}  // namespace glyph::vlm::kernels
