#include "vlm_service/ops/cuda/device_memory.h"

#include "ATen/ops/from_blob.h"
#include "c10/util/accumulate.h"
#include "vlm_service/ops/cuda/check.h"

namespace glyph::vlm {
namespace {

constexpr int64_t kAlignment = 256;

}  // namespace

DeviceMemory::DeviceMemory(const std::map<std::string, int64_t>& component_bytes) {
  for (const auto& [component, bytes] : component_bytes) {
    void* data = nullptr;
    CheckCuda(cudaMalloc(&data, static_cast<size_t>(bytes)), component.c_str());
    CheckCuda(cudaMemset(data, 0, static_cast<size_t>(bytes)), component.c_str());
    regions_[component] = {.begin = static_cast<std::byte*>(data), .reserved_bytes = bytes};
  }
}

DeviceMemory::~DeviceMemory() {
  for (const auto& [component, region] : regions_) cudaFree(region.begin);
}

std::byte* DeviceMemory::Take(std::string_view component, int64_t bytes) {
  Region& region = regions_.find(component)->second;
  const int64_t reserved = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  TORCH_CHECK_WITH(OutOfMemoryError, region.used_bytes + reserved <= region.reserved_bytes,
                   std::string(component), ": ", reserved, " bytes are needed and ",
                   region.reserved_bytes - region.used_bytes, " of ", region.reserved_bytes,
                   " planned bytes are free");
  std::byte* data = region.begin + region.used_bytes;
  region.used_bytes += reserved;
  return data;
}

at::Tensor DeviceMemory::Take(std::string_view component, at::IntArrayRef sizes,
                              at::ScalarType type) {
  const int64_t count = c10::multiply_integers(sizes);
  return DeviceTensor(Take(component, count * static_cast<int64_t>(c10::elementSize(type))), sizes,
                      type);
}

at::Tensor DeviceTensor(void* data, at::IntArrayRef sizes, at::ScalarType type) {
  const at::Device device(at::kCUDA, 0);
  return at::for_blob(data, sizes)
      .options(at::dtype(type).device(device))
      .target_device(device)
      .make_tensor();
}

}  // namespace glyph::vlm
