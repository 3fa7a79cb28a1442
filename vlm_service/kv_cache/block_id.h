#pragma once
#include <cstdint>

namespace glyph::vlm {

// Names one fixed-size block of KV slots; the executor maps it to memory.
enum class BlockId : int32_t {};

}  // namespace glyph::vlm
