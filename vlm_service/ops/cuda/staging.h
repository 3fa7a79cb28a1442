#pragma once
#include <cuda_runtime_api.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "vlm_service/ops/cuda/device_memory.h"

namespace glyph::vlm {

// The host's way onto the device, through pinned memory: small values for a step and large ones,
// which stay. Two steps may be under way: their values lie apart. Not thread-safe.
class Staging {
 public:
  // Room for a step's values, bytes on the device and pinned on the host.
  static constexpr int64_t kStepBytes = int64_t{16} << 20;
  // Of "workspace".
  static constexpr int64_t kBytes = 2 * kStepBytes;

  // Takes kBytes of "workspace". `memory` must outlive this; copies go to `stream`.
  Staging(DeviceMemory& memory, cudaStream_t stream);
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  // The stream has done what was asked for before the last BeginStep.
  void BeginStep();
  // A device copy of `bytes`, valid until Reset or the BeginStep after the next.
  std::byte* Stage(std::span<const std::byte> bytes);
  // Copies `bytes`, which may go at once, to the device.
  void Write(std::byte* to, std::span<const std::byte> bytes);
  // Once the stream has done all that was asked for.
  void Reset() { used_ = 0; }

  // Copies much to the device, read by all of the processor's cores; `from` may be a mapped file
  // and may go at once.
  void Upload(std::byte* to, const std::byte* from, int64_t bytes);

 private:
  static constexpr int64_t kPieceBytes = int64_t{32} << 20;
  struct Piece {
    std::byte* pinned = nullptr;
    cudaEvent_t copied = nullptr;
  };

  std::byte* Reserve(int64_t bytes);

  const cudaStream_t stream_;
  std::byte* device_;  // [kBytes], a half for every other step; pinned_ alike
  std::byte* pinned_ = nullptr;
  int64_t half_ = 0;             // where the step's begins
  int64_t used_ = 0;             // of the half
  std::array<Piece, 4> pieces_;  // of uploads, in turn
  size_t next_piece_ = 0;
};

}  // namespace glyph::vlm
