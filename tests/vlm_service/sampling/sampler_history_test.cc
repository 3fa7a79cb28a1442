#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vlm_service/sampling/sampler.h"

// What Sampler knows of its sequence: Observe, forks and copies.
namespace glyph::vlm {
namespace {

using Ids = std::vector<int32_t>;
using Random = std::mt19937_64;

constexpr int32_t kVocabSize = 12;

int32_t Below(Random& random, int32_t bound) {
  return std::uniform_int_distribution<int32_t>(0, bound - 1)(random);
}

Ids RandomIds(Random& random, int32_t count) {
  Ids ids;
  for (int32_t i = 0; i < count; ++i) ids.push_back(Below(random, kVocabSize));
  return ids;
}

// Logits in quarters, so that the penalties below are exact and ties are common.
std::vector<float> RandomLogits(Random& random) {
  std::vector<float> logits;
  for (int32_t i = 0; i < kVocabSize; ++i) {
    logits.push_back(static_cast<float>(Below(random, 41) - 20) / 4);
  }
  return logits;
}

SamplingParams RandomParams(Random& random) {
  SamplingParams params;
  params.temperature = static_cast<float>(Below(random, 3));
  params.repetition_penalty = std::vector<float>{1, 0.5f, 2}[Below(random, 3)];
  params.frequency_penalty = static_cast<float>(Below(random, 5) - 2) / 4;
  params.presence_penalty = static_cast<float>(Below(random, 5) - 2) / 2;
  params.logit_bias = {{Below(random, kVocabSize), static_cast<float>(Below(random, 5) - 2)}};
  params.seed = random();
  return params;
}

Ids Sampled(Sampler sampler, Random random, int count) {
  Ids outputs;
  for (int i = 0; i < count; ++i) {
    std::vector<float> logits = RandomLogits(random);
    outputs.push_back(sampler.Sample(logits)->token);
  }
  return outputs;
}

void ObserveInPieces(Sampler& sampler, const Ids& prompt, const Ids& outputs, Random& random) {
  Ids all = prompt;
  all.insert(all.end(), outputs.begin(), outputs.end());
  for (size_t begin = 0; begin < all.size();) {
    const size_t left = all.size() - begin;
    const size_t end = begin + 1 + static_cast<size_t>(Below(random, static_cast<int32_t>(left)));
    const size_t first_output = std::max(begin, prompt.size());
    sampler.Observe(std::span(all).subspan(begin, end - begin),
                    end > first_output ? static_cast<int64_t>(end - first_output) : 0);
    begin = end;
  }
}

// Straight from the formulas, over the whole history.
int32_t GreedyReference(std::vector<float> logits, const SamplingParams& params, const Ids& prompt,
                        const Ids& outputs) {
  logits[params.logit_bias[0].token] += params.logit_bias[0].bias;
  std::set<int32_t> seen(prompt.begin(), prompt.end());
  seen.insert(outputs.begin(), outputs.end());
  for (int32_t token = 0; token < kVocabSize; ++token) {
    float& logit = logits[token];
    if (seen.count(token) != 0 && logit > 0) logit /= params.repetition_penalty;
    if (seen.count(token) != 0 && logit < 0) logit *= params.repetition_penalty;
    const auto count = std::count(outputs.begin(), outputs.end(), token);
    logit -= static_cast<float>(count) * params.frequency_penalty;
    if (count > 0) logit -= params.presence_penalty;
  }
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

TEST(SamplerHistory, GreedyChoicesFollowTheFormulas) {
  Random random(1);
  for (int round = 0; round < 200; ++round) {
    SamplingParams params = RandomParams(random);
    params.temperature = 0;
    const Ids prompt = RandomIds(random, Below(random, 8));
    Ids outputs = RandomIds(random, Below(random, 8));
    Sampler sampler(params, kVocabSize);
    ObserveInPieces(sampler, prompt, outputs, random);
    for (int step = 0; step < 10; ++step) {
      std::vector<float> logits = RandomLogits(random);
      const int32_t expected = GreedyReference(logits, params, prompt, outputs);
      ASSERT_EQ(sampler.Sample(logits)->token, expected) << "round " << round;
      outputs.push_back(expected);
    }
  }
}

// As after a preemption, at any point of a sequence some of whose outputs were forced.
TEST(SamplerHistory, ObservingInPiecesEqualsHavingSampled) {
  Random random(2);
  for (int round = 0; round < 200; ++round) {
    const SamplingParams params = RandomParams(random);
    const Ids prompt = RandomIds(random, Below(random, 20));
    Sampler sampler(params, kVocabSize);
    sampler.Observe(prompt, 0);
    Ids outputs;
    for (int32_t step = Below(random, 20); step > 0; --step) {
      std::vector<float> logits = RandomLogits(random);
      if (Below(random, 4) == 0) {
        outputs.push_back(Below(random, kVocabSize));
        sampler.Observe(std::span(outputs).last(1), 1);
      } else {
        outputs.push_back(sampler.Sample(logits)->token);
      }
    }

    Sampler again(params, kVocabSize);
    ObserveInPieces(again, prompt, outputs, random);

    EXPECT_EQ(again.num_outputs(), static_cast<int64_t>(outputs.size()));
    EXPECT_EQ(again.num_outputs(), sampler.num_outputs());
    ASSERT_EQ(Sampled(again, random, 20), Sampled(sampler, random, 20)) << "round " << round;
  }
}

// The parameters of the first sequence, without any penalty, must not have lost its history.
TEST(SamplerHistory, ForkEqualsASequenceThatAlwaysHadItsParameters) {
  Random random(3);
  for (int round = 0; round < 200; ++round) {
    const SamplingParams params = round % 2 == 0 ? SamplingParams() : RandomParams(random);
    const SamplingParams fork_params = RandomParams(random);
    const Ids prompt = RandomIds(random, Below(random, 20));
    Sampler sampler(params, kVocabSize);
    sampler.Observe(prompt, 0);
    Ids outputs;
    for (int32_t step = Below(random, 10); step > 0; --step) {
      std::vector<float> logits = RandomLogits(random);
      outputs.push_back(sampler.Sample(logits)->token);
    }

    const Sampler fork = sampler.WithParams(fork_params);

    Sampler fresh(fork_params, kVocabSize);
    ObserveInPieces(fresh, prompt, outputs, random);
    EXPECT_EQ(fork.num_outputs(), sampler.num_outputs());
    ASSERT_EQ(Sampled(fork, random, 20), Sampled(fresh, random, 20)) << "round " << round;
  }
}

TEST(SamplerHistory, ForksAndCopiesContinueIndependently) {
  SamplingParams params;
  params.presence_penalty = 1;
  Sampler sampler(params, 3);
  Sampler copy = sampler;
  Sampler fork = sampler.WithParams(params);
  const Ids forced = {0, 1, 2};
  copy.Observe(forced, 3);
  fork.Observe(std::span(forced).first(1), 1);
  std::vector<float> logits = {1, 0.5f, 0};

  EXPECT_EQ(sampler.Sample(logits)->token, 0);
  EXPECT_EQ(sampler.num_outputs(), 1);
  EXPECT_EQ(copy.num_outputs(), 3);
  logits = {1, 0.5f, 0};
  EXPECT_EQ(fork.Sample(logits)->token, 1);
}

TEST(SamplerHistory, IdsOutsideTheVocabularyTakePartInNothing) {
  SamplingParams params;
  params.repetition_penalty = 2;
  params.frequency_penalty = 1;
  Sampler sampler(params, 4);
  sampler.Observe(Ids{-1, 4, 1 << 30, -1, 4}, 2);
  std::vector<float> logits = {1, 2, 3, 4};

  EXPECT_EQ(sampler.Sample(logits)->token, 3);
  EXPECT_THAT(logits, testing::ElementsAre(1, 2, 3, 4));
}

TEST(SamplerHistory, NothingObservedIsNothingKnown) {
  Sampler sampler(SamplingParams(), 4);
  EXPECT_EQ(sampler.num_outputs(), 0);
  sampler.Observe({}, 0);
  sampler.Observe(Ids{1, 2, 3}, 0);
  EXPECT_EQ(sampler.num_outputs(), 0);
}

TEST(SamplerHistoryDeathTest, NoMoreOutputsThanIds) {
  Sampler sampler(SamplingParams(), 4);
  EXPECT_DEATH(sampler.Observe(Ids{1}, 2), "broken invariant");
  EXPECT_DEATH(sampler.Observe(Ids{1}, -1), "broken invariant");
}

}  // namespace
}  // namespace glyph::vlm
