#include "vlm_service/ops/position_embedding.h"

#include <cmath>

#include "ATen/ops/grid_sampler.h"
#include "ATen/ops/stack.h"

namespace glyph::vlm::ops {
namespace {

// Patch centres in grid_sample's coordinates, -1 .. 1 over `size` patches.
at::Tensor Normalised(const at::Tensor& coordinate, int64_t size) {
  return coordinate.to(at::kFloat).add(0.5).div(static_cast<double>(size)).mul(2).sub(1);
}

}  // namespace

void AddPositionEmbedding(at::Tensor& x, const at::Tensor& table, const at::Tensor& rows,
                          const at::Tensor& columns, int64_t grid_rows, int64_t grid_cols) {
  constexpr int64_t kBicubic = 2;
  constexpr int64_t kBorder = 1;
  const int64_t width = table.size(1);
  const auto side = static_cast<int64_t>(std::lround(std::sqrt(table.size(0))));
  const at::Tensor image =
      table.view({side, side, width}).permute({2, 0, 1}).unsqueeze(0).to(at::kFloat);
  const at::Tensor grid =
      at::stack({Normalised(columns, grid_cols), Normalised(rows, grid_rows)}, -1)
          .view({1, -1, 1, 2});
  const at::Tensor sampled =
      at::grid_sampler(image, grid, kBicubic, kBorder, /*align_corners=*/false);
  x.add_(sampled.view({width, -1}).t().to(table.scalar_type()));
}

}  // namespace glyph::vlm::ops
