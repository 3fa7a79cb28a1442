#pragma once
#include <cstdint>

#include "vlm_service/ops/cpu/attention_params.h"

// Kernels for rows of independent sequences, free of any framework: raw pointers and strides in
// elements. A row's result depends on no other row of a call and not on the number of threads: each
// output is summed in one fixed order. Compiled once for each level of x86-64, so without inline
// functions. T, the model's type, is float or Bf16; sums are float32.
namespace glyph::vlm::cpu {

struct Bf16 {
  uint16_t bits;
};

// Outputs of a panel of a linear map's weights.
inline constexpr int64_t kPanelOutputs = 16;

// out[r, n] = sum_k x[r, k] * weight[n, k] + bias[n], for all rows and the panels in [begin, end).
// Panels are read front to back, two inputs at a time: weights of float32 as [panels, pairs, 2,
// 16], of bfloat16 as [panels, pairs, 16, 2], so that a register holds both inputs' weights of its
// outputs. Where there is no output or input they hold zeros. `scratch` holds LinearScratch floats.
template <typename W, typename T>
struct LinearParams {
  const T* x;  // [rows, inputs], rows dense
  int64_t x_stride;
  const W* panels;
  const float* bias;  // [outputs], or null
  T* out;             // [rows, outputs], rows dense
  int64_t out_stride;
  int64_t rows;
  int64_t inputs;
  int64_t outputs;
};

// out = X(x * rsqrt(mean(x^2) + eps)) * weight. For rows in [begin, end).
template <typename X, typename T>
struct RmsNormParams {
  const X* x;
  int64_t x_stride;
  const T* weight;  // [width]
  T* out;
  int64_t out_stride;
  int64_t width;
  float eps;
};

// residual += x * rsqrt(mean(x^2) + eps) * weight, in float32. For rows in [begin, end).
template <typename T>
struct AddRmsNormParams {
  float* residual;
  int64_t residual_stride;
  const T* x;
  int64_t x_stride;
  const T* weight;  // [width]
  int64_t width;
  float eps;
};

// out = (x - mean) * rsqrt(var + eps) * weight + bias. For rows in [begin, end).
template <typename T>
struct LayerNormParams {
  const T* x;  // [rows, width], dense
  const T* weight;
  const T* bias;
  T* out;  // [rows, width], dense
  int64_t width;
  float eps;
};

// out = T(silu(gate)) * up. For rows in [begin, end).
template <typename T>
struct SiluMulParams {
  const T* gate;
  const T* up;
  int64_t in_stride;  // of both
  T* out;
  int64_t out_stride;
  int64_t width;
};

// Rotates in place the pairs (x[i * step], x[i * step + gap]), i < half, of every head by the angle
// whose cosine is cos[positions[axis[i], r], i]. For rows in [begin, end).
template <typename T>
struct RotaryParams {
  T* x;  // [rows, heads, head_dim]
  int64_t row_stride;
  int64_t head_stride;
  int64_t heads;
  int64_t half;
  int64_t step;
  int64_t gap;
  bool round_products;       // round every product to T, as PyTorch does when all are of type T
  const int32_t* positions;  // [axes, rows]
  int64_t axis_stride;       // of positions
  const int32_t* axis;       // [half]
  const float* cos;          // [positions, half]
  const float* sin;
};

template <typename T>
struct Kernels {
  void (*linear)(const LinearParams<float, T>&, int64_t begin, int64_t end, float* scratch);
  void (*linear_bf16)(const LinearParams<Bf16, T>&, int64_t begin, int64_t end, float* scratch);
  void (*rms_norm)(const RmsNormParams<T, T>&, int64_t begin, int64_t end);
  void (*rms_norm_float)(const RmsNormParams<float, T>&, int64_t begin, int64_t end);
  void (*add_rms_norm)(const AddRmsNormParams<T>&, int64_t begin, int64_t end);
  void (*layer_norm)(const LayerNormParams<T>&, int64_t begin, int64_t end);
  void (*silu_mul)(const SiluMulParams<T>&, int64_t begin, int64_t end);
  void (*rotary)(const RotaryParams<T>&, int64_t begin, int64_t end);
  void (*paged_attention)(const PagedAttentionParams<T>&, int64_t, int64_t, float* scratch);
  void (*sequence_attention)(const SequenceAttentionParams<T>&, int64_t, int64_t, float* scratch);
};

// Floats a linear map of bfloat16 rows needs for one thread, where it may widen them; of float32
// rows it needs none.
int64_t LinearScratch(int64_t rows, int64_t inputs);

// The builds of the kernels: levels of x86-64. kV3 (AVX2), kV4 (AVX-512) and kV4Bf16 (AVX-512 with
// dot products of bfloat16) give the same bits, except that kV4Bf16 adds the products of a bfloat16
// map in a bfloat16 model in pairs, rounded as the processor does; denormals count as zero there.
enum class Level { kV2, kV3, kV4, kV4Bf16 };

// The highest level this processor runs.
Level BestLevel();

// The kernels of `level`, which the processor must run; T is float or Bf16.
template <typename T>
const Kernels<T>& KernelsOf(Level level = BestLevel());

}  // namespace glyph::vlm::cpu
