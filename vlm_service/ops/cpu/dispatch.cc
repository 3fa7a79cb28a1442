#include "vlm_service/ops/cpu/kernels.h"

namespace glyph::vlm::cpu {

#define GLYPH_DECLARE_LEVEL(level)             \
  namespace level {                            \
  extern const Kernels<float> kFloatKernels;   \
  extern const Kernels<Bf16> kBfloat16Kernels; \
  }
GLYPH_DECLARE_LEVEL(v2)
GLYPH_DECLARE_LEVEL(v3)
GLYPH_DECLARE_LEVEL(v4)
#undef GLYPH_DECLARE_LEVEL

namespace {

bool RunsV3() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi2");
}

bool RunsV4() {
  return RunsV3() && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}

template <typename T>
const Kernels<T>& Best(const Kernels<T>& v2, const Kernels<T>& v3, const Kernels<T>& v4) {
  return RunsV4() ? v4 : RunsV3() ? v3 : v2;
}

}  // namespace

int64_t PagedAttentionScratch(int64_t group, int64_t head_dim, int64_t block_tokens) {
  return group * (2 * head_dim + block_tokens + 2);
}

template <>
const Kernels<float>& KernelsOf<float>() {
  static const Kernels<float>& kernels =
      Best(v2::kFloatKernels, v3::kFloatKernels, v4::kFloatKernels);
  return kernels;
}

template <>
const Kernels<Bf16>& KernelsOf<Bf16>() {
  static const Kernels<Bf16>& kernels =
      Best(v2::kBfloat16Kernels, v3::kBfloat16Kernels, v4::kBfloat16Kernels);
  return kernels;
}

}  // namespace glyph::vlm::cpu
