#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "vlm_service/kernels/sample.h"
#include "vlm_service/model/token_chooser.h"
#include "vlm_service/ops/cuda/cuda_ops.h"

namespace glyph::vlm {

// TokenChooser on the GPU: the host sees a token only when it takes it. Logits that are asked for,
// whole or the likeliest, are looked at on the host.
class DeviceChooser final : public TokenChooser {
 public:
  // `ops` must outlive this; takes MemoryBytes of its "workspace".
  DeviceChooser(int32_t max_slots, int32_t vocab_size, CudaOps& ops);
  ~DeviceChooser() override;

  static int64_t MemoryBytes(int32_t max_slots, int32_t vocab_size);

  void Start(const SlotStart& start) override;
  void Fork(const SlotFork& fork) override;
  void Observe(SequenceSlot slot, std::span<const int32_t> ids, int64_t num_outputs) override;
  void Choose(const at::Tensor& logits, const at::Tensor& slots) override;
  void Post() override;
  std::vector<SampledToken> Take(const at::Tensor& logits,
                                 std::span<const SequenceSlot> slots) override;
  const at::Tensor& last_tokens() const override { return last_tokens_; }

 private:
  // What the host adds to a slot's tokens.
  struct Wishes {
    bool return_logits = false;
    int32_t num_top_logprobs = 0;
  };

  // A copy of the results.
  struct Posting {
    kernels::SampleResult* results = nullptr;  // [kMaxSampledRows] pinned
    cudaEvent_t arrived = nullptr;
  };

  void WriteState(SequenceSlot slot, const SamplingParams& sampling);
  void FulfilWishes(const Wishes& wishes, const at::Tensor& logits, SampledToken& token) const;

  CudaOps& ops_;
  const int32_t vocab_size_;
  kernels::SamplingTables tables_;
  std::byte* const workspace_;
  at::Tensor last_tokens_;
  std::vector<Wishes> wishes_;      // [max_slots]
  kernels::SampleResult* results_;  // [kMaxSampledRows] on the device
  std::array<Posting, 2> postings_ = {};
  uint64_t num_posted_ = 0;
  uint64_t num_taken_ = 0;
};

}  // namespace glyph::vlm
