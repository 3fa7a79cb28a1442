#include "vlm_service/ops/rotary.h"

#include "ATen/ops/arange.h"
#include "ATen/ops/outer.h"
#include "ATen/ops/pow.h"
#include "ATen/ops/tensor.h"
#include "vlm_service/ops/element_type.h"
#include "vlm_service/ops/parallel.h"

namespace glyph::vlm::ops {

at::Tensor InverseFrequencies(double theta, int64_t dim) {
  const at::Tensor exponents = at::arange(0, dim, 2, at::kFloat).div(static_cast<double>(dim));
  return at::pow(theta, exponents).reciprocal();
}

RotaryTable MakeRotaryTable(const at::Tensor& inverse_frequencies, int64_t num_positions,
                            at::ScalarType type, const std::vector<int32_t>& axis,
                            RotaryPairs pairs) {
  const at::Tensor positions = at::arange(num_positions, at::kFloat);
  const at::Tensor angles = at::outer(positions, inverse_frequencies);
  return {.cos = angles.cos().to(type).to(at::kFloat).contiguous(),
          .sin = angles.sin().to(type).to(at::kFloat).contiguous(),
          .axis = at::tensor(axis, at::kInt),
          .pairs = pairs};
}

void Rotary(at::Tensor& x, const at::Tensor& positions, const RotaryTable& table) {
  const bool adjacent = table.pairs == RotaryPairs::kAdjacent;
  const int64_t half = table.cos.size(1);
  DispatchElement(x, [&](auto zero) {
    using T = decltype(zero);
    const cpu::RotaryParams<T> params = {
        .x = Data<T>(x),
        .row_stride = x.stride(0),
        .head_stride = x.stride(1),
        .heads = x.size(1),
        .half = half,
        .step = adjacent ? 2 : 1,
        .gap = adjacent ? 1 : half,
        .round_products = adjacent,
        .positions = Data<const int32_t>(positions),
        .axis_stride = positions.stride(0),
        .axis = table.axis.const_data_ptr<int32_t>(),
        .cos = Data<const float>(table.cos),
        .sin = Data<const float>(table.sin),
    };
    ParallelFor(0, x.size(0), GrainSize(8 * half * params.heads), [&](int64_t begin, int64_t end) {
      cpu::KernelsOf<T>().rotary(params, begin, end);
    });
  });
}

}  // namespace glyph::vlm::ops
