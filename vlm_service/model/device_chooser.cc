#include "vlm_service/model/device_chooser.h"

#include <utility>

#include "vlm_service/kernels/sampler_state.h"
#include "vlm_service/kernels/sampling_history.h"
#include "vlm_service/ops/cuda/check.h"
#include "vlm_service/ops/cuda/params.h"
#include "vlm_service/sampling/log_softmax.h"

namespace glyph::vlm {
namespace {

using kernels::BiasEntry;
using kernels::SamplerState;

constexpr int64_t kAlignment = 256;

int64_t Aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

int64_t StateBytes(int64_t slots) { return slots * static_cast<int64_t>(sizeof(SamplerState)); }
int64_t BiasBytes(int64_t slots) {
  return slots * kernels::kMaxLogitBiases * static_cast<int64_t>(sizeof(BiasEntry));
}
int64_t SeenBytes(int64_t slots, int32_t vocab) {
  return slots * kernels::SeenWords(vocab) * static_cast<int64_t>(sizeof(uint32_t));
}
int64_t CountBytes(int64_t slots, int32_t vocab) {
  return slots * vocab * static_cast<int64_t>(sizeof(uint16_t));
}
constexpr int64_t kResultBytes =
    int64_t{kernels::kMaxSampledRows} * static_cast<int64_t>(sizeof(kernels::SampleResult));
int64_t WorkspaceBytes(int32_t vocab) {
  return static_cast<int64_t>(kernels::SampleWorkspaceBytes(kernels::kMaxSampledRows, vocab));
}

template <typename T>
T* TakeTable(CudaOps& ops, int64_t bytes) {
  return reinterpret_cast<T*>(ops.memory().Take("workspace", bytes));
}

}  // namespace

int64_t DeviceChooser::MemoryBytes(int32_t max_slots, int32_t vocab_size) {
  return Aligned(StateBytes(max_slots)) + Aligned(BiasBytes(max_slots)) +
         Aligned(SeenBytes(max_slots, vocab_size)) + Aligned(CountBytes(max_slots, vocab_size)) +
         Aligned(WorkspaceBytes(vocab_size)) + Aligned(max_slots * int64_t{4}) +
         Aligned(kResultBytes);
}

DeviceChooser::DeviceChooser(int32_t max_slots, int32_t vocab_size, CudaOps& ops)
    : ops_(ops),
      vocab_size_(vocab_size),
      tables_({.states = TakeTable<SamplerState>(ops, StateBytes(max_slots)),
               .biases = TakeTable<BiasEntry>(ops, BiasBytes(max_slots)),
               .seen = TakeTable<uint32_t>(ops, SeenBytes(max_slots, vocab_size)),
               .output_counts = TakeTable<uint16_t>(ops, CountBytes(max_slots, vocab_size)),
               .vocab = vocab_size}),
      workspace_(ops.memory().Take("workspace", WorkspaceBytes(vocab_size))),
      last_tokens_(ops.Allocate("workspace", {max_slots}, at::kInt)),
      wishes_(static_cast<size_t>(max_slots)),
      results_(TakeTable<kernels::SampleResult>(ops, kResultBytes)) {
  TORCH_CHECK(vocab_size <= kernels::kMaxSampledVocab, "a vocabulary of ", vocab_size, " tokens");
  CheckCuda(
      cudaMemsetAsync(workspace_, 0, static_cast<size_t>(WorkspaceBytes(vocab_size)), ops.stream()),
      "sampler");
  for (Posting& posting : postings_) {
    void* results = nullptr;
    CheckCuda(cudaMallocHost(&results, kResultBytes), "sampler");
    posting.results = static_cast<kernels::SampleResult*>(results);
    CheckCuda(cudaEventCreateWithFlags(&posting.arrived, cudaEventDisableTiming), "sampler");
  }
}

DeviceChooser::~DeviceChooser() {
  for (const Posting& posting : postings_) {
    cudaEventDestroy(posting.arrived);
    cudaFreeHost(posting.results);
  }
}

void DeviceChooser::WriteState(SequenceSlot slot, const SamplingParams& sampling) {
  const auto index = static_cast<size_t>(slot);
  const SamplerState state = kernels::StateOf(sampling);
  ops_.WriteBytes(tables_.states + index, std::as_bytes(std::span(&state, 1)));
  const std::vector<BiasEntry> biases = kernels::BiasesOf(sampling);
  ops_.WriteBytes(tables_.biases + index * kernels::kMaxLogitBiases,
                  std::as_bytes(std::span(biases)));
}

void DeviceChooser::Start(const SlotStart& start) {
  WriteState(start.slot, start.sampling);
  CheckCuda(kernels::LaunchClearSlot(tables_, static_cast<int32_t>(start.slot), ops_.stream()),
            "sampler");
  wishes_[static_cast<size_t>(start.slot)] = {
      .return_logits = start.return_logits,
      .num_top_logprobs = start.sampling.num_logprobs.value_or(0)};
}

void DeviceChooser::Fork(const SlotFork& fork) {
  WriteState(fork.to, fork.sampling);
  CheckCuda(kernels::LaunchForkSlot(tables_, static_cast<int32_t>(fork.from),
                                    static_cast<int32_t>(fork.to), ops_.stream()),
            "sampler");
  wishes_[static_cast<size_t>(fork.to)] = {
      .return_logits = wishes_[static_cast<size_t>(fork.from)].return_logits,
      .num_top_logprobs = fork.sampling.num_logprobs.value_or(0)};
}

void DeviceChooser::Observe(SequenceSlot slot, std::span<const int32_t> ids, int64_t num_outputs) {
  if (ids.empty()) return;
  CheckCuda(kernels::LaunchObserveTokens({.tables = tables_,
                                          .slot = static_cast<int32_t>(slot),
                                          .ids = Ints(ops_.Stage(ids)),
                                          .num_ids = static_cast<int32_t>(ids.size()),
                                          .num_outputs = static_cast<int32_t>(num_outputs)},
                                         ops_.stream()),
            "sampler");
}

void DeviceChooser::Choose(const at::Tensor& logits, const at::Tensor& slots) {
  CheckCuda(kernels::LaunchSample({.logits = logits.const_data_ptr(),
                                   .element = ElementOf(logits),
                                   .row_stride = logits.stride(0),
                                   .rows = static_cast<int32_t>(logits.size(0)),
                                   .slots = Ints(slots),
                                   .tables = tables_,
                                   .workspace = workspace_,
                                   .last_token = last_tokens_.mutable_data_ptr<int32_t>(),
                                   .results = results_},
                                  ops_.stream()),
            "sampler");
}

void DeviceChooser::Post() {
  TORCH_CHECK(num_posted_ - num_taken_ < postings_.size(), "tokens are posted and not taken");
  const Posting& posting = postings_[num_posted_++ % postings_.size()];
  CheckCuda(cudaMemcpyAsync(posting.results, results_, kResultBytes, cudaMemcpyDeviceToHost,
                            ops_.stream()),
            "sampler");
  CheckCuda(cudaEventRecord(posting.arrived, ops_.stream()), "sampler");
}

std::vector<SampledToken> DeviceChooser::Take(const at::Tensor& logits,
                                              std::span<const SequenceSlot> slots) {
  TORCH_CHECK(num_taken_ < num_posted_, "tokens are taken that were not posted");
  const Posting& posting = postings_[num_taken_++ % postings_.size()];
  CheckCuda(cudaEventSynchronize(posting.arrived), "step");
  std::vector<SampledToken> tokens(slots.size());
  for (size_t row = 0; row < slots.size(); ++row) {
    SampledToken& token = tokens[row];
    token.slot = slots[row];
    token.token = posting.results[row].token;
    token.finite = posting.results[row].finite != 0;
    token.logprob = posting.results[row].logprob;
    const Wishes& wishes = wishes_[static_cast<size_t>(slots[row])];
    if (wishes.return_logits || wishes.num_top_logprobs > 0) {
      FulfilWishes(wishes, logits.select(0, static_cast<int64_t>(row)), token);
    }
  }
  return tokens;
}

void DeviceChooser::FulfilWishes(const Wishes& wishes, const at::Tensor& logits,
                                 SampledToken& token) const {
  std::vector<float> values(static_cast<size_t>(vocab_size_));
  ops_.Read(logits, values);
  if (wishes.num_top_logprobs > 0 && token.finite) {
    token.top_logprobs = LogSoftmax(values).Likeliest(wishes.num_top_logprobs);
  }
  if (wishes.return_logits) token.logits = std::move(values);
}

}  // namespace glyph::vlm
