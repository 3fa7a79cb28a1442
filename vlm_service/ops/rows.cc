#include "vlm_service/ops/rows.h"

#include <cstring>

namespace glyph::vlm::ops {
namespace {

struct RowBytes {
  std::byte* data;
  size_t stride;
  size_t width;

  explicit RowBytes(const at::Tensor& tensor)
      : data(static_cast<std::byte*>(tensor.data_ptr())),
        stride(static_cast<size_t>(tensor.stride(0)) * tensor.element_size()),
        width(static_cast<size_t>(tensor.size(1)) * tensor.element_size()) {}
};

}  // namespace

void GatherRows(at::Tensor& out, const at::Tensor& source, std::span<const int32_t> indices) {
  const RowBytes to(out);
  const RowBytes from(source);
  for (size_t i = 0; i < indices.size(); ++i) {
    std::memcpy(to.data + i * to.stride, from.data + indices[i] * from.stride, to.width);
  }
}

void ScatterRows(at::Tensor& out, std::span<const int32_t> indices, const at::Tensor& source) {
  const RowBytes to(out);
  const RowBytes from(source);
  for (size_t i = 0; i < indices.size(); ++i) {
    std::memcpy(to.data + indices[i] * to.stride, from.data + i * from.stride, from.width);
  }
}

}  // namespace glyph::vlm::ops
