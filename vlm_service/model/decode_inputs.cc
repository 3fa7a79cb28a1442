#include "vlm_service/model/decode_inputs.h"

#include <algorithm>

namespace glyph::vlm {
namespace {

// Behind one another, each for all rows: slot, three positions, cache row, length; then the tables.
constexpr int64_t kNumFields = 6;

}  // namespace

DecodeInputs::DecodeInputs(const ExecutorLimits& limits, Ops& ops)
    : ops_(ops),
      max_blocks_(std::min(limits.BlocksFor(limits.context_tokens), limits.num_blocks)),
      tensor_(ops.Allocate("activations",
                           {ops.PaddedRows(limits.max_slots) * (kNumFields + max_blocks_)},
                           at::kInt)) {}

void DecodeInputs::Fill(std::span<const DecodeWork> rows, int64_t padded, SequenceSlots& slots) {
  const auto count = static_cast<size_t>(padded);
  values_.resize(count * static_cast<size_t>(kNumFields + max_blocks_));
  const auto field = [&](int64_t index) { return values_.data() + index * padded; };
  for (size_t i = 0; i < count; ++i) {
    const bool pads = i >= rows.size();
    const int32_t position = pads ? 0 : rows[i].position;
    field(0)[i] = pads ? -1 : static_cast<int32_t>(rows[i].slot);
    for (int64_t axis = 1; axis <= 3; ++axis) field(axis)[i] = position;
    field(4)[i] = pads ? -1 : slots.CacheRow(slots.at(rows[i].slot), rows[i].kv_length);
    field(5)[i] = pads ? 0 : static_cast<int32_t>(rows[i].kv_length + 1);
    if (pads) continue;
    const SequenceSlots::Table& table = slots.at(rows[i].slot);
    std::copy(table.begin(), table.end(),
              field(kNumFields) + static_cast<int64_t>(i) * max_blocks_);
  }
  ops_.Write(tensor_, values_);
}

at::Tensor DecodeInputs::positions(int64_t padded) const {
  return tensor_.narrow(0, padded, 3 * padded).view({3, padded});
}

at::Tensor DecodeInputs::cache_rows(int64_t padded) const {
  return tensor_.narrow(0, 4 * padded, padded);
}

ops::PagedSequences DecodeInputs::sequences(int64_t padded) const {
  return {
      .tables =
          tensor_.narrow(0, kNumFields * padded, padded * max_blocks_).view({padded, max_blocks_}),
      .lengths = tensor_.narrow(0, 5 * padded, padded)};
}

}  // namespace glyph::vlm
