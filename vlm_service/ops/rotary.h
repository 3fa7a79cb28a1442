#pragma once
#include <cstdint>
#include <vector>

#include "ATen/core/Tensor.h"

namespace glyph::vlm::ops {

// Which two of a head's values one angle rotates.
enum class RotaryPairs {
  kAdjacent,   // (2i, 2i + 1) of the first 2 * half values; products round to the model's type
  kHalfSplit,  // (i, i + half); float32 until the result
};

// The angles of a rotary embedding and how they meet positions on several axes.
struct RotaryTable {
  at::Tensor
      cos;  // [num_positions, half] float32, already rounded to the model's type if it rounds
  at::Tensor sin;
  at::Tensor axis;  // [half] int32: the axis whose position drives each frequency
  RotaryPairs pairs = RotaryPairs::kAdjacent;
};

// Angles position * inverse_frequency, whose cosine and sine are rounded to `type`.
// inverse_frequencies [half] float32.
RotaryTable MakeRotaryTable(const at::Tensor& inverse_frequencies, int64_t num_positions,
                            at::ScalarType type, const std::vector<int32_t>& axis,
                            RotaryPairs pairs);

// theta^(-2i / dim) for 2i < dim, as torch computes it in float32: [ceil(dim / 2)].
at::Tensor InverseFrequencies(double theta, int64_t dim);

// Rotates x [rows, heads, head_dim] in place (last axis dense). positions [axes, rows] int32,
// rows dense.
void Rotary(at::Tensor& x, const at::Tensor& positions, const RotaryTable& table);

}  // namespace glyph::vlm::ops
