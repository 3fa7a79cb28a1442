#include "vlm_service/kernels/pack.cuh"
#include "vlm_service/kernels/patches.h"

namespace glyph::vlm::kernels {
namespace {

constexpr int kThreads = 256;
constexpr int kByteValues = 256;

// Copies the cell's pixels, `cell_px` rows of `row_bytes`, front to back. Unit divides the rows and
// what lies between them.
template <typename Unit>
__device__ inline void LoadCell(const uint8_t* from, int64_t pitch, int cell_px, int row_bytes,
                                uint8_t* to) {
  const int row_units = row_bytes / static_cast<int>(sizeof(Unit));
  for (int i = static_cast<int>(threadIdx.x); i < cell_px * row_units; i += kThreads) {
    const auto* row = reinterpret_cast<const Unit*>(from + i / row_units * pitch);
    reinterpret_cast<Unit*>(to)[i] = row[i % row_units];
  }
}

// A place in the patches of a cell, in the order they are stored.
struct Place {
  int in_cell;
  int channel;
  int frame;
  int y;
  int x;

  __device__ Place(const PatchesParams& p, int value) {
    const int area = p.patch * p.patch;
    x = value % p.patch;
    y = value / p.patch % p.patch;
    frame = value / area % p.temporal;
    const int plane = value / (area * p.temporal);
    channel = plane % 3;
    in_cell = plane / 3;
  }

  // Within a patch.
  __device__ void Advance(const PatchesParams& p) {
    if (++x < p.patch) return;
    x = 0;
    if (++y < p.patch) return;
    y = 0;
    if (++frame < p.temporal) return;
    frame = 0;
    ++channel;
  }
};

// One block a cell. Bits are those of an element; what they mean is the table's affair.
template <typename Bits, int kValues>
__global__ void __launch_bounds__(kThreads) PatchesKernel(const PatchesParams p, bool words) {
  extern __shared__ uint4 shared[];
  Bits* const table = reinterpret_cast<Bits*>(shared);
  uint8_t* const pixels = reinterpret_cast<uint8_t*>(table + 3 * kByteValues);
  const int cell_px = p.merge * p.patch;
  const int row_bytes = cell_px * p.channels;
  const int64_t pitch = static_cast<int64_t>(p.width) * p.channels;
  const int columns = p.width / cell_px;
  const int cell = static_cast<int>(blockIdx.x);
  const uint8_t* corner = p.pixels + cell / columns * (cell_px * pitch) +
                          static_cast<int64_t>(cell % columns) * row_bytes;
  for (int i = static_cast<int>(threadIdx.x); i < 3 * kByteValues; i += kThreads) {
    table[i] = static_cast<const Bits*>(p.values)[i];
  }
  if (words) {
    LoadCell<uint32_t>(corner, pitch, cell_px, row_bytes, pixels);
  } else {
    LoadCell<uint8_t>(corner, pitch, cell_px, row_bytes, pixels);
  }
  __syncthreads();
  const int values = p.merge * p.merge * 3 * p.temporal * p.patch * p.patch;
  Bits* const out = static_cast<Bits*>(p.out) + static_cast<int64_t>(cell) * values;
  for (int at = static_cast<int>(threadIdx.x) * kValues; at < values; at += kThreads * kValues) {
    Place place(p, at);
    const int top = place.in_cell / p.merge * p.patch;
    const int left = place.in_cell % p.merge * p.patch;
    alignas(kValues * sizeof(Bits)) Bits bits[kValues];
#pragma unroll
    for (int i = 0; i < kValues; ++i) {
      const int channel = p.channels == 1 ? 0 : place.channel;
      const int byte =
          pixels[(top + place.y) * row_bytes + (left + place.x) * p.channels + channel];
      bits[i] = table[place.channel * kByteValues + byte];
      if (i + 1 < kValues) place.Advance(p);
    }
    if constexpr (kValues * sizeof(Bits) == 16) {
      uint4 all;
      memcpy(&all, bits, sizeof(all));
      *reinterpret_cast<uint4*>(out + at) = all;
    } else {
      for (int i = 0; i < kValues; ++i) out[at + i] = bits[i];
    }
  }
}

template <typename Bits>
cudaError_t LaunchShape(const PatchesParams& p, cudaStream_t stream) {
  constexpr int kWide = 16 / static_cast<int>(sizeof(Bits));
  const int cell_px = p.merge * p.patch;
  const int row_bytes = cell_px * p.channels;
  const auto shared = static_cast<size_t>(3 * kByteValues) * sizeof(Bits) +
                      static_cast<size_t>(cell_px) * row_bytes;
  const auto blocks = static_cast<unsigned>((p.height / cell_px) * (p.width / cell_px));
  const bool words = row_bytes % 4 == 0 && reinterpret_cast<uintptr_t>(p.pixels) % 4 == 0;
  const int patch_values = 3 * p.temporal * p.patch * p.patch;
  if (patch_values % kWide == 0 && reinterpret_cast<uintptr_t>(p.out) % 16 == 0) {
    PatchesKernel<Bits, kWide><<<blocks, kThreads, shared, stream>>>(p, words);
  } else {
    PatchesKernel<Bits, 1><<<blocks, kThreads, shared, stream>>>(p, words);
  }
  return cudaGetLastError();
}

}  // namespace

cudaError_t LaunchPatches(const PatchesParams& p, cudaStream_t stream) {
  constexpr int64_t kMaxCellBytes = 32 << 10;
  if (p.patch <= 0 || p.merge <= 0 || p.temporal <= 0 || (p.channels != 1 && p.channels != 3)) {
    return cudaErrorInvalidValue;
  }
  const int64_t cell_px = static_cast<int64_t>(p.merge) * p.patch;
  if (cell_px * cell_px * p.channels > kMaxCellBytes || p.height <= 0 || p.width <= 0 ||
      p.height % cell_px != 0 || p.width % cell_px != 0) {
    return cudaErrorInvalidValue;
  }
  return p.element == Element::kFloat32 ? LaunchShape<uint32_t>(p, stream)
                                        : LaunchShape<uint16_t>(p, stream);
}

}  // namespace glyph::vlm::kernels
