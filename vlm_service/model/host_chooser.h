#pragma once
#include <optional>
#include <vector>

#include "vlm_service/model/token_chooser.h"
#include "vlm_service/sampling/sampler.h"

namespace glyph::vlm {

// TokenChooser on the processor: a Sampler for each slot.
class HostChooser final : public TokenChooser {
 public:
  HostChooser(int32_t max_slots, int32_t vocab_size);

  void Start(const SlotStart& start) override;
  void Fork(const SlotFork& fork) override;
  void Observe(SequenceSlot slot, std::span<const int32_t> ids, int64_t num_outputs) override;
  void Choose(const at::Tensor& logits, const at::Tensor& slots) override;
  void Post() override {}
  std::vector<SampledToken> Take(const at::Tensor& logits,
                                 std::span<const SequenceSlot> slots) override;
  const at::Tensor& last_tokens() const override { return last_tokens_; }

 private:
  struct State {
    Sampler sampler;
    bool return_logits = false;
  };
  State& at(SequenceSlot slot);
  // Chooses by one row, which changes.
  SampledToken ChooseOne(SequenceSlot slot, std::span<float> logits);

  const int32_t vocab_size_;
  std::vector<std::optional<State>> states_;  // [max_slots]
  at::Tensor last_tokens_;
  std::vector<SampledToken> chosen_;
};

}  // namespace glyph::vlm
