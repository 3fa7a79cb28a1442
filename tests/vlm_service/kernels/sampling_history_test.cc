#include "vlm_service/kernels/sampling_history.h"

#include <algorithm>
#include <random>

#include "tests/vlm_service/kernels/device_sampler.h"
#include "tests/vlm_service/kernels/sampler_reference.h"
#include "tests/vlm_service/kernels/sanitized.h"
#include "vlm_service/kernels/sample.h"

// Sequences of steps, each of which depends on what the device remembers of those before.
namespace glyph::vlm::kernels {
namespace {

std::vector<LogitBias> RandomBiases(int32_t count, int32_t vocab, std::mt19937& random) {
  std::vector<LogitBias> biases;
  for (int32_t i = 0; i < count; ++i) {  // each token once, in no order of ids
    const auto token = static_cast<int32_t>((int64_t{i} * 7919 + 13) % vocab);
    biases.push_back({token, std::uniform_real_distribution<float>(-3, 3)(random)});
  }
  return biases;
}

// Penalties of every kind, greedy and drawn.
std::vector<SamplingParams> ManyParams(int32_t vocab, std::mt19937& random) {
  std::vector<SamplingParams> many;
  for (const float temperature : {0.0f, 0.8f}) {
    SamplingParams params;
    params.temperature = temperature;
    params.seed = random();
    params.top_p = 0.95f;
    many.push_back(params);
    params.repetition_penalty = 1.1f;
    params.top_k = 50;
    many.push_back(params);
    params.repetition_penalty = 0.7f;
    params.num_logprobs = 1;
    many.push_back(params);
    params.repetition_penalty = 1;
    params.frequency_penalty = 0.37f;
    many.push_back(params);
    params.frequency_penalty = -0.2f;
    params.presence_penalty = 1.3f;
    params.logit_bias = RandomBiases(std::min(vocab, kMaxLogitBiases), vocab, random);
    params.num_logprobs.reset();
    many.push_back(params);
    params.repetition_penalty = 1.3f;
    params.logit_bias = RandomBiases(1, vocab, random);
    params.min_p = 0.01f;
    many.push_back(params);
  }
  return many;
}

std::vector<int32_t> RandomIds(int32_t count, int32_t vocab, std::mt19937& random) {
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < count; ++i) ids.push_back(static_cast<int32_t>(random() % vocab));
  return ids;
}

class Sequences {
 public:
  Sequences(int32_t num_slots, int32_t vocab)
      : vocab_(vocab), device_(num_slots, vocab), random_(99) {}

  void Start(const SamplingParams& params) {
    const auto slot = static_cast<int32_t>(hosts_.size());
    device_.Start(slot, params);
    hosts_.emplace_back(params, vocab_);
  }

  void Observe(int32_t slot, const std::vector<int32_t>& ids, int32_t num_outputs) {
    device_.Observe(slot, ids, num_outputs);
    hosts_[slot].Observe(ids, num_outputs);
  }

  void Fork(int32_t from, const SamplingParams& params) {
    device_.Fork(from, static_cast<int32_t>(hosts_.size()), params);
    hosts_.push_back(hosts_[from].WithParams(params));
  }

  // A step of all sequences, a padding row behind the first. Few logits are large, so that tokens
  // come again.
  void Step() {
    std::vector<int32_t> slots;
    std::vector<float> logits;
    std::vector<std::vector<float>> rows;
    for (int32_t slot = 0; slot < static_cast<int32_t>(hosts_.size()); ++slot) {
      std::vector<float> row = RandomValues<float>(static_cast<size_t>(vocab_), random_, 0.5f);
      for (int32_t token = 0; token < vocab_; token += 1 + vocab_ / 20) row[token] += 4;
      slots.push_back(slot);
      logits.insert(logits.end(), row.begin(), row.end());
      if (slot == 0) {
        slots.push_back(-1);
        logits.insert(logits.end(), row.begin(), row.end());
      }
      rows.push_back(std::move(row));
    }
    const std::vector<SampleResult> results = device_.Sample(logits, vocab_, slots);
    for (size_t at = 0; at < slots.size(); ++at) {
      if (slots[at] < 0) continue;
      SCOPED_TRACE(::testing::Message() << "slot " << slots[at] << " of vocabulary " << vocab_);
      hosts_[slots[at]].Expect(rows[slots[at]], results[at]);
    }
  }

  int num_disagreements() const {
    int sum = 0;
    for (const SamplerReference& host : hosts_) sum += host.num_disagreements();
    return sum;
  }

 private:
  int32_t vocab_;
  DeviceSampler device_;
  std::vector<SamplerReference> hosts_;
  std::mt19937 random_;
};

class SamplingHistory : public ::testing::TestWithParam<int32_t> {};

TEST_P(SamplingHistory, FollowsTheHostOverManySteps) {
  const int32_t vocab = GetParam();
  std::mt19937 random(3);
  const std::vector<SamplingParams> params = ManyParams(vocab, random);
  Sequences sequences(static_cast<int32_t>(params.size()) + 2, vocab);
  for (size_t i = 0; i < params.size(); ++i) {
    sequences.Start(params[i]);
    const auto slot = static_cast<int32_t>(i);
    sequences.Observe(slot, RandomIds(700, vocab, random), 0);
    std::vector<int32_t> forced(300, vocab / 2);  // one token many times at once
    forced[290] = vocab;
    forced[291] = -1;
    sequences.Observe(slot, forced, 20 * slot);
  }
  const int steps = IsSanitized() ? 5 : 50;
  for (int step = 0; step < steps && !HasFailure(); ++step) {
    if (step == steps / 5) {
      sequences.Fork(1, params[8]);
      sequences.Fork(9, params[2]);
    }
    if (step == 2 * (steps / 5)) sequences.Observe(5, {1 % vocab, 2 % vocab, 1 % vocab}, 2);
    sequences.Step();
  }
  EXPECT_LE(sequences.num_disagreements(), 1);
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, SamplingHistory, ::testing::Values(33, 320, 5003, 151552));

TEST(ClearSlot, ForgetsTheTokens) {
  constexpr int32_t kVocab = 320;
  SamplingParams params;
  params.repetition_penalty = 2;
  params.frequency_penalty = 2;
  DeviceSampler device(1, kVocab);
  device.Start(0, params);
  device.Observe(0, {5, 5, 6}, 2);
  device.Start(0, params);
  std::vector<float> logits(kVocab, 0.0f);
  logits[5] = 2;
  logits[6] = 1.9f;

  const std::vector<SampleResult> first = device.Sample(logits, kVocab, {0});
  const std::vector<SampleResult> second = device.Sample(logits, kVocab, {0});

  EXPECT_EQ(first[0].token, 5);
  EXPECT_EQ(second[0].token, 6);
}

}  // namespace
}  // namespace glyph::vlm::kernels
