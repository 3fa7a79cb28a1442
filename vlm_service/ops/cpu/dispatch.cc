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
GLYPH_DECLARE_LEVEL(v4_bf16)
#undef GLYPH_DECLARE_LEVEL

namespace {

Level DetectLevel() {
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  const bool v4_bf16 = v4 && __builtin_cpu_supports("avx512bf16");
  return v4_bf16 ? Level::kV4Bf16 : v4 ? Level::kV4 : v3 ? Level::kV3 : Level::kV2;
}

}  // namespace

int64_t LinearScratch(int64_t rows, int64_t inputs) { return rows * inputs; }

int64_t PagedAttentionScratch(int64_t group, int64_t head_dim) {
  return group * (2 * head_dim + 2);
}

int64_t SequenceAttentionTasks(int64_t rows, int64_t group, int64_t kv_heads) {
  return kv_heads * ((rows * group + kTaskLanes - 1) / kTaskLanes);
}

int64_t SequenceAttentionScratch(int64_t head_dim, int64_t block_tokens) {
  return kTaskLanes * (2 * head_dim + block_tokens) + block_tokens * head_dim;
}

Level BestLevel() {
  static const Level level = DetectLevel();
  return level;
}

template <>
const Kernels<float>& KernelsOf<float>(Level level) {
  return level == Level::kV4Bf16 ? v4_bf16::kFloatKernels
         : level == Level::kV4   ? v4::kFloatKernels
         : level == Level::kV3   ? v3::kFloatKernels
                                 : v2::kFloatKernels;
}

template <>
const Kernels<Bf16>& KernelsOf<Bf16>(Level level) {
  return level == Level::kV4Bf16 ? v4_bf16::kBfloat16Kernels
         : level == Level::kV4   ? v4::kBfloat16Kernels
         : level == Level::kV3   ? v3::kBfloat16Kernels
                                 : v2::kBfloat16Kernels;
}

}  // namespace glyph::vlm::cpu
