// Compiled once for each level of x86-64 (GLYPH_CPU_LEVEL = v2, v3, v4, v4_bf16). Includes nothing
// that could emit a shared inline function built for the wrong processor.
#include "vlm_service/ops/cpu/elementwise.h"
#include "vlm_service/ops/cpu/linear.h"
#include "vlm_service/ops/cpu/paged_attention.h"
#include "vlm_service/ops/cpu/sequence_attention.h"

namespace glyph::vlm::cpu::GLYPH_CPU_LEVEL {

extern const Kernels<float> kFloatKernels;
extern const Kernels<Bf16> kBfloat16Kernels;

const Kernels<float> kFloatKernels = {Linear,         Linear,           RmsNorm, RmsNorm,
                                      AddRmsNorm,     LayerNorm,        SiluMul, Rotary,
                                      PagedAttention, SequenceAttention};
const Kernels<Bf16> kBfloat16Kernels = {Linear,         Linear,           RmsNorm, RmsNorm,
                                        AddRmsNorm,     LayerNorm,        SiluMul, Rotary,
                                        PagedAttention, SequenceAttention};

}  // namespace glyph::vlm::cpu::GLYPH_CPU_LEVEL
