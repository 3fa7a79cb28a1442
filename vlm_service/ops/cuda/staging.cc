#include "vlm_service/ops/cuda/staging.h"

#include <algorithm>
#include <cstring>

#include "vlm_service/ops/cuda/check.h"
#include "vlm_service/ops/parallel.h"

namespace glyph::vlm {
namespace {

constexpr int64_t kAlignment = 256;

std::byte* AllocatePinned(int64_t bytes) {
  void* data = nullptr;
  CheckCuda(cudaMallocHost(&data, static_cast<size_t>(bytes)), "pinned memory");
  return static_cast<std::byte*>(data);
}

}  // namespace

Staging::Staging(DeviceMemory& memory, cudaStream_t stream)
    : stream_(stream), device_(memory.Take("workspace", kBytes)), pinned_(AllocatePinned(kBytes)) {
  for (Piece& piece : pieces_) {
    piece.pinned = AllocatePinned(kPieceBytes);
    CheckCuda(cudaEventCreateWithFlags(&piece.copied, cudaEventDisableTiming), "event");
  }
}

Staging::~Staging() {
  for (const Piece& piece : pieces_) {
    cudaEventDestroy(piece.copied);
    cudaFreeHost(piece.pinned);
  }
  cudaFreeHost(pinned_);
}

void Staging::BeginStep() {
  half_ = kStepBytes - half_;
  used_ = 0;
}

std::byte* Staging::Reserve(int64_t bytes) {
  const int64_t reserved = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  TORCH_CHECK_WITH(OutOfMemoryError, used_ + reserved <= kStepBytes, "a step's values take ",
                   used_ + reserved, " bytes, above ", kStepBytes);
  std::byte* place = pinned_ + half_ + used_;
  used_ += reserved;
  return place;
}

std::byte* Staging::Stage(std::span<const std::byte> bytes) {
  std::byte* to = device_ + half_ + used_;
  Write(to, bytes);
  return to;
}

void Staging::Write(std::byte* to, std::span<const std::byte> bytes) {
  std::byte* pinned = Reserve(static_cast<int64_t>(bytes.size()));
  std::memcpy(pinned, bytes.data(), bytes.size());
  CheckCuda(cudaMemcpyAsync(to, pinned, bytes.size(), cudaMemcpyHostToDevice, stream_), "staging");
}

void Staging::Upload(std::byte* to, const std::byte* from, int64_t bytes) {
  constexpr int64_t kGrain = int64_t{1} << 20;
  for (int64_t first = 0; first < bytes; first += kPieceBytes) {
    const int64_t count = std::min(kPieceBytes, bytes - first);
    Piece& piece = pieces_[next_piece_++ % pieces_.size()];
    CheckCuda(cudaEventSynchronize(piece.copied), "upload");
    ops::ParallelFor(0, count, kGrain, [&](int64_t begin, int64_t end) {
      std::memcpy(piece.pinned + begin, from + first + begin, static_cast<size_t>(end - begin));
    });
    CheckCuda(cudaMemcpyAsync(to + first, piece.pinned, static_cast<size_t>(count),
                              cudaMemcpyHostToDevice, stream_),
              "upload");
    CheckCuda(cudaEventRecord(piece.copied, stream_), "upload");
  }
}

}  // namespace glyph::vlm
