#pragma once
#include <cstdint>

namespace glyph::vlm::kernels {

// The type of a model's tensors. Kernels compute in float32 and round once a result is stored,
// unless their contract says where else Hugging Face's Glm4v rounds.
enum class Element : int32_t { kFloat32, kBFloat16 };

}  // namespace glyph::vlm::kernels
