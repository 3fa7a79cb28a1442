#pragma once
#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstdlib>
#include <iostream>

namespace glyph::vlm::kernels {

// Zeroed device memory behind whose last byte nothing is mapped: an access there ends the kernel.
class FencedMemory {
 public:
  explicit FencedMemory(size_t bytes) {
    cudaFree(nullptr);  // makes a context
    CUdevice device = 0;
    CheckDriver(cuCtxGetDevice(&device));
    CUmemAllocationProp properties = {};
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = device};
    size_t unit = 0;
    CheckDriver(
        cuMemGetAllocationGranularity(&unit, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
    mapped_ = (bytes + unit - 1) / unit * unit;
    reserved_ = mapped_ + kFence;
    CheckDriver(cuMemAddressReserve(&begin_, reserved_, 0, 0, 0));
    CheckDriver(cuMemCreate(&memory_, mapped_, &properties, 0));
    CheckDriver(cuMemMap(begin_, mapped_, 0, memory_, 0));
    const CUmemAccessDesc access = {.location = properties.location,
                                    .flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    CheckDriver(cuMemSetAccess(begin_, mapped_, &access, 1));
    CheckDriver(cuMemsetD8(begin_, 0, mapped_));
    data_ = begin_ + mapped_ - bytes;
  }
  FencedMemory(const FencedMemory&) = delete;
  FencedMemory& operator=(const FencedMemory&) = delete;
  ~FencedMemory() {
    cuMemUnmap(begin_, mapped_);
    cuMemRelease(memory_);
    cuMemAddressFree(begin_, reserved_);
  }

  void* get() const { return reinterpret_cast<void*>(data_); }

 private:
  static constexpr size_t kFence = size_t{1} << 30;

  static void CheckDriver(CUresult result) {
    if (result == CUDA_SUCCESS) return;
    std::cerr << "CUDA driver: error " << result << "\n";
    std::abort();
  }

  CUdeviceptr begin_ = 0;
  CUdeviceptr data_ = 0;
  CUmemGenericAllocationHandle memory_ = 0;
  size_t mapped_ = 0;
  size_t reserved_ = 0;
};

}  // namespace glyph::vlm::kernels
