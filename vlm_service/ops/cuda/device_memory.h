#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "ATen/core/Tensor.h"

namespace glyph::vlm {

// The memory of the current GPU that one process planned: a region for each component, allocated
// once, zeroed and handed out front to back. Nothing is given back before the end. Not thread-safe.
class DeviceMemory {
 public:
  struct Region {
    std::byte* begin = nullptr;
    int64_t reserved_bytes = 0;
    int64_t used_bytes = 0;
  };

  // Throws torch's OutOfMemoryError when the driver has not so much.
  explicit DeviceMemory(const std::map<std::string, int64_t>& component_bytes);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  // Aligned to 256 bytes. Throws OutOfMemoryError when the component's region is full.
  std::byte* Take(std::string_view component, int64_t bytes);
  at::Tensor Take(std::string_view component, at::IntArrayRef sizes, at::ScalarType type);

  const std::map<std::string, Region, std::less<>>& regions() const { return regions_; }

 private:
  std::map<std::string, Region, std::less<>> regions_;
};

// A view of device memory that is somebody else's.
at::Tensor DeviceTensor(void* data, at::IntArrayRef sizes, at::ScalarType type);

}  // namespace glyph::vlm
