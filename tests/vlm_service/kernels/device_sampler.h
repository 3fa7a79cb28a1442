#pragma once
#include <optional>
#include <vector>

#include "gtest/gtest.h"
#include "tests/vlm_service/kernels/device_array.h"
#include "vlm_service/kernels/sample.h"
#include "vlm_service/kernels/sampler_state.h"
#include "vlm_service/kernels/sampling_history.h"

namespace glyph::vlm::kernels {

// The sampling kernels with tables of their own, of which the tests write only what contracts ask
// for; everything else is poison.
class DeviceSampler {
 public:
  DeviceSampler(int32_t num_slots, int32_t vocab)
      : vocab_(vocab),
        states_(num_slots),
        biases_(num_slots * static_cast<size_t>(kMaxLogitBiases)),
        seen_(num_slots * static_cast<size_t>(SeenWords(vocab))),
        output_counts_(num_slots * static_cast<size_t>(vocab)),
        last_token_(num_slots),
        workspace_(SampleWorkspaceBytes(kMaxSampledRows, vocab)) {
    Check(cudaMemset(workspace_.get(), 0, workspace_.size()));
  }

  SamplingTables tables() const {
    return {.states = states_.get(),
            .biases = biases_.get(),
            .seen = seen_.get(),
            .output_counts = output_counts_.get(),
            .vocab = vocab_};
  }

  void Start(int32_t slot, const SamplingParams& params) {
    Write(slot, params);
    Check(LaunchClearSlot(tables(), slot, nullptr));
  }

  void Fork(int32_t from, int32_t to, const SamplingParams& params) {
    Write(to, params);
    Check(LaunchForkSlot(tables(), from, to, nullptr));
  }

  void Observe(int32_t slot, const std::vector<int32_t>& ids, int32_t num_outputs) {
    const DeviceArray<int32_t> on_device(ids);
    Check(LaunchObserveTokens({.tables = tables(),
                               .slot = slot,
                               .ids = on_device.get(),
                               .num_ids = static_cast<int32_t>(ids.size()),
                               .num_outputs = num_outputs},
                              nullptr));
    Check(cudaDeviceSynchronize());
  }

  // One launch; `logits` holds rows of `stride` elements. Checks what must not be written.
  template <typename T>
  std::vector<SampleResult> Sample(const std::vector<T>& logits, int64_t stride,
                                   const std::vector<int32_t>& slots) {
    constexpr size_t kGuards = 3;
    const DeviceArray<T> logits_on_device(logits);
    const DeviceArray<int32_t> slots_on_device(slots);
    const DeviceArray<SampleResult> results(slots.size() + kGuards);
    last_token_.Poison();
    const SampleParams params = {.logits = logits_on_device.get(),
                                 .element = sizeof(T) == 4 ? Element::kFloat32 : Element::kBFloat16,
                                 .row_stride = stride,
                                 .rows = static_cast<int32_t>(slots.size()),
                                 .slots = slots_on_device.get(),
                                 .tables = tables(),
                                 .workspace = workspace_.get(),
                                 .last_token = last_token_.get(),
                                 .results = results.get()};
    Check(LaunchSample(params, nullptr));
    std::vector<SampleResult> read = results.Read();
    ExpectLastTokens(slots, read);
    for (size_t i = slots.size(); i < read.size(); ++i) EXPECT_EQ(read[i].token, -1);
    read.resize(slots.size());
    return read;
  }

 private:
  void Write(int32_t slot, const SamplingParams& params) {
    const SamplerState state = StateOf(params);
    Check(cudaMemcpy(states_.get() + slot, &state, sizeof(state), cudaMemcpyHostToDevice));
    const std::vector<BiasEntry> biases = BiasesOf(params);
    Check(cudaMemcpy(biases_.get() + static_cast<size_t>(slot) * kMaxLogitBiases, biases.data(),
                     biases.size() * sizeof(BiasEntry), cudaMemcpyHostToDevice));
  }

  void ExpectLastTokens(const std::vector<int32_t>& slots,
                        const std::vector<SampleResult>& results) const {
    std::vector<int32_t> expected(last_token_.size(), -1);
    for (size_t row = 0; row < slots.size(); ++row) {
      if (slots[row] >= 0) {
        expected[slots[row]] = results[row].token;
      } else {
        EXPECT_EQ(results[row].token, -1) << "padding row " << row;
      }
    }
    EXPECT_EQ(last_token_.Read(), expected);
  }

  int32_t vocab_;
  DeviceArray<SamplerState> states_;
  DeviceArray<BiasEntry> biases_;
  DeviceArray<uint32_t> seen_;
  DeviceArray<uint16_t> output_counts_;
  DeviceArray<int32_t> last_token_;
  DeviceArray<uint8_t> workspace_;
};

}  // namespace glyph::vlm::kernels
