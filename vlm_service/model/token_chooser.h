#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ATen/core/Tensor.h"
#include "vlm_service/scheduler/plan.h"

namespace glyph::vlm {

// Chooses the next token of sequences, by slot, and remembers it: the samplers of an executor. A
// slot is used from Start or Fork on. Not thread-safe.
class TokenChooser {
 public:
  virtual ~TokenChooser() = default;

  // Replaces what the slot held.
  virtual void Start(const SlotStart& start) = 0;
  // The new sequence knows the tokens of the other.
  virtual void Fork(const SlotFork& fork) = 0;
  // Tells of tokens that were not chosen here; the last `num_outputs` of them are outputs.
  virtual void Observe(SequenceSlot slot, std::span<const int32_t> ids, int64_t num_outputs) = 0;

  // Chooses a token for each row of logits [rows, vocab_size]; slots [rows] int32, negative ones
  // are padding. May run later, and again and again (Ops::Repeat): it reads its arguments then.
  virtual void Choose(const at::Tensor& logits, const at::Tensor& slots) = 0;

  // What the last Choose chose is on its way to the host. At most two are, and not taken.
  virtual void Post() = 0;

  // What was posted first and not taken yet, for the rows of `slots`, its first ones. Waits for it.
  // `logits` are those it was chosen by, as they are now.
  virtual std::vector<SampledToken> Take(const at::Tensor& logits,
                                         std::span<const SequenceSlot> slots) = 0;

  // [max_slots] int32: the token each slot chose last.
  virtual const at::Tensor& last_tokens() const = 0;
};

}  // namespace glyph::vlm
