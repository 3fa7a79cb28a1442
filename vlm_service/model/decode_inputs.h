#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ATen/core/Tensor.h"
#include "vlm_service/model/sequence_slots.h"
#include "vlm_service/ops/ops.h"

namespace glyph::vlm {

// What a decode batch reads besides weights and caches, in one int32 tensor that stays where it is,
// so that a batch of the same padded size can be repeated. Not thread-safe.
class DecodeInputs {
 public:
  // Batches of at most limits.max_slots rows. `ops` must outlive this.
  DecodeInputs(const ExecutorLimits& limits, Ops& ops);

  // Fills the first rows; the others, up to `padded`, become padding.
  void Fill(std::span<const DecodeWork> rows, int64_t padded, SequenceSlots& slots);

  // Views of a batch of `padded` rows.
  at::Tensor slots(int64_t padded) const { return tensor_.narrow(0, 0, padded); }
  at::Tensor positions(int64_t padded) const;   // [3, padded]
  at::Tensor cache_rows(int64_t padded) const;  // [padded]
  ops::PagedSequences sequences(int64_t padded) const;

 private:
  Ops& ops_;
  const int64_t max_blocks_;  // of a table
  std::vector<int32_t> values_;
  at::Tensor tensor_;
};

}  // namespace glyph::vlm
