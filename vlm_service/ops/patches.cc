#include "vlm_service/ops/patches.h"

#include <algorithm>

#include "vlm_service/ops/element_type.h"
#include "vlm_service/ops/parallel.h"

namespace glyph::vlm::ops {
namespace {

// Writes the patches of one cell, whose first pixel is at (y, x).
template <typename T>
void FillCell(const at::Tensor& pixels, const PatchLayout& layout, int64_t y, int64_t x,
              T* patches) {
  const int64_t patch = layout.patch_px;
  const int64_t width = pixels.size(1);
  const int64_t channels = pixels.size(2);
  const int64_t frame = patch * patch;
  const auto* bytes = pixels.const_data_ptr<uint8_t>();
  for (int64_t in_cell = 0; in_cell < layout.merge * layout.merge; ++in_cell) {
    const int64_t top = y + in_cell / layout.merge * patch;
    const int64_t left = x + in_cell % layout.merge * patch;
    for (int64_t channel = 0; channel < 3; ++channel) {
      const T* values = Data<const T>(layout.values) + 256 * channel;
      for (int64_t row = 0; row < patch; ++row) {
        const uint8_t* from =
            bytes + ((top + row) * width + left) * channels + (channels == 1 ? 0 : channel);
        for (int64_t i = 0; i < patch; ++i) patches[row * patch + i] = values[from[i * channels]];
      }
      // The page is its own next frame.
      for (int64_t copy = 1; copy < layout.temporal; ++copy) {
        std::copy_n(patches, frame, patches + copy * frame);
      }
      patches += layout.temporal * frame;
    }
  }
}

}  // namespace

void Patches(at::Tensor& patches, const at::Tensor& pixels, const PatchLayout& layout) {
  const int64_t cell_px = layout.patch_px * layout.merge;
  const int64_t columns = pixels.size(1) / cell_px;
  const int64_t cells = pixels.size(0) / cell_px * columns;
  const int64_t cell_values = patches.numel() / cells;
  DispatchElement(patches, [&](auto element) {
    using T = decltype(element);
    ParallelFor(0, cells, GrainSize(cell_values), [&](int64_t begin, int64_t end) {
      for (int64_t cell = begin; cell < end; ++cell) {
        FillCell(pixels, layout, cell / columns * cell_px, cell % columns * cell_px,
                 Data<T>(patches) + cell * cell_values);
      }
    });
  });
}

}  // namespace glyph::vlm::ops
