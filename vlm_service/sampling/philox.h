#pragma once
#include <array>
#include <cstdint>

namespace glyph::vlm {

// Philox 4x32-10, a counter-based generator: the same counter and key give the same four words, so
// a random number depends on nothing but its name (Salmon et al., "Parallel random numbers: as easy
// as 1, 2, 3", SC 2011).
std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// The number in [0, 1), a multiple of 2^-53, that belongs to the `index`-th output of `seed`.
double UniformAt(uint64_t seed, uint64_t index);

}  // namespace glyph::vlm
