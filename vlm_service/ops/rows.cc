#include "vlm_service/ops/rows.h"

#include <algorithm>
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

template <typename T>
void GatherFrom(const T* source, int64_t source_stride, at::Tensor& out,
                std::span<const int32_t> indices) {
  auto* to = out.data_ptr<float>();
  for (const int32_t index : indices) {
    std::copy_n(source + index * source_stride, out.size(1), to);
    to += out.stride(0);
  }
}

}  // namespace

void GatherRows(at::Tensor& out, const at::Tensor& source, std::span<const int32_t> indices) {
  const int64_t stride = source.stride(0);
  if (source.scalar_type() == at::kFloat) {
    GatherFrom(source.const_data_ptr<float>(), stride, out, indices);
  } else {
    GatherFrom(source.const_data_ptr<at::BFloat16>(), stride, out, indices);
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
