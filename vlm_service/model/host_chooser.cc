#include "vlm_service/model/host_chooser.h"

#include <utility>

#include "ATen/ops/zeros.h"
#include "c10/util/Exception.h"

namespace glyph::vlm {

HostChooser::HostChooser(int32_t max_slots, int32_t vocab_size)
    : vocab_size_(vocab_size),
      states_(static_cast<size_t>(max_slots)),
      last_tokens_(at::zeros({max_slots}, at::kInt)) {}

HostChooser::State& HostChooser::at(SequenceSlot slot) {
  std::optional<State>& state = states_.at(static_cast<size_t>(slot));
  TORCH_CHECK(state.has_value(), "a plan chooses for a slot that was not started");
  return *state;
}

void HostChooser::Start(const SlotStart& start) {
  states_.at(static_cast<size_t>(start.slot))
      .emplace(State{Sampler(start.sampling, vocab_size_), start.return_logits});
}

void HostChooser::Fork(const SlotFork& fork) {
  const State& from = at(fork.from);
  states_.at(static_cast<size_t>(fork.to))
      .emplace(State{from.sampler.WithParams(fork.sampling), from.return_logits});
}

void HostChooser::Observe(SequenceSlot slot, std::span<const int32_t> ids, int64_t num_outputs) {
  at(slot).sampler.Observe(ids, num_outputs);
}

void HostChooser::Choose(const at::Tensor& logits, const at::Tensor& slots) {
  chosen_.clear();
  std::vector<float> row;
  for (int64_t i = 0; i < slots.size(0); ++i) {
    const at::Tensor values = logits.select(0, i).to(at::kFloat);
    row.assign(values.const_data_ptr<float>(), values.const_data_ptr<float>() + values.numel());
    chosen_.push_back(ChooseOne(SequenceSlot{slots.const_data_ptr<int32_t>()[i]}, row));
  }
}

SampledToken HostChooser::ChooseOne(SequenceSlot slot, std::span<float> logits) {
  State& state = at(slot);
  SampledToken result;
  result.slot = slot;
  if (state.return_logits) result.logits.assign(logits.begin(), logits.end());
  std::optional<Choice> choice = state.sampler.Sample(logits);
  result.finite = choice.has_value();
  if (choice.has_value()) {
    result.token = choice->token;
    result.logprob = choice->logprob;
    result.top_logprobs = std::move(choice->top_logprobs);
  }
  last_tokens_.mutable_data_ptr<int32_t>()[static_cast<size_t>(slot)] = result.token;
  return result;
}

std::vector<SampledToken> HostChooser::Take(const at::Tensor& /*logits*/,
                                            std::span<const SequenceSlot> slots) {
  TORCH_CHECK(slots.size() == chosen_.size(), "tokens are taken of other rows than were chosen");
  return std::exchange(chosen_, {});
}

}  // namespace glyph::vlm
