#include "vlm_service/sampling/sampler.h"

#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::optional<Choice> SampleOnce(const SamplingParams& params, std::vector<float> logits) {
  return Sampler(params, static_cast<int32_t>(logits.size())).Sample(logits);
}

std::vector<SamplingParams> GreedyAndRandom() {
  std::vector<SamplingParams> both(2);
  both[1].temperature = 1;
  return both;
}

// Outputs of a sequence that gets the same logits at each step.
std::vector<int32_t> Outputs(Sampler sampler, const std::vector<float>& logits, int count) {
  std::vector<int32_t> outputs;
  for (int i = 0; i < count; ++i) {
    std::vector<float> row = logits;
    outputs.push_back(sampler.Sample(row)->token);
  }
  return outputs;
}

TEST(Sampler, GreedyTakesTheFirstOfTheLargest) {
  EXPECT_EQ(SampleOnce(SamplingParams(), {1, 7, 7, -2})->token, 1);
}

TEST(Sampler, GreedyHonoursBias) {
  SamplingParams params;
  params.logit_bias = {{2, 3.5f}, {1, -100}};
  EXPECT_EQ(SampleOnce(params, {1, 7, -2, 1})->token, 2);
}

TEST(Sampler, GreedyHonoursTheRepetitionPenaltyOverPromptAndOutput) {
  SamplingParams params;
  params.repetition_penalty = 2;
  Sampler sampler(params, 4);
  sampler.Observe(std::vector<int32_t>{1}, 0);

  // 7 / 2 loses to 5; then 5 / 2 loses to 4; then 7 / 2 is the largest.
  EXPECT_THAT(Outputs(sampler, {4, 7, 5, 2.25f}, 3), ElementsAre(2, 0, 1));
}

TEST(Sampler, GreedyHonoursTheFrequencyPenaltyOverOutput) {
  SamplingParams params;
  params.frequency_penalty = 1;
  Sampler sampler(params, 2);
  sampler.Observe(std::vector<int32_t>{1, 1, 1}, 0);

  // 5, 4, 3 until 2 loses to 2.5; then 2.5 - 1 loses to 2.
  EXPECT_THAT(Outputs(sampler, {2.5f, 5}, 5), ElementsAre(1, 1, 1, 0, 1));
}

TEST(Sampler, GreedyHonoursThePresencePenaltyOverOutput) {
  SamplingParams params;
  params.presence_penalty = 2;
  Sampler sampler(params, 3);
  sampler.Observe(std::vector<int32_t>{1, 1, 1}, 0);

  // 5 - 2 loses to 4, 4 - 2 to 3, and then 3 is left of each first choice.
  EXPECT_THAT(Outputs(sampler, {4, 5, 1}, 4), ElementsAre(1, 0, 1, 1));
}

TEST(Sampler, RefusesPoisonAndRemembersNothingOfIt) {
  SamplingParams busy;
  busy.temperature = 1;
  busy.repetition_penalty = 2;
  busy.frequency_penalty = 1;
  busy.logit_bias = {{0, 1}, {1, -1}, {2, 100}};
  busy.num_logprobs = 2;
  std::vector<SamplingParams> all = GreedyAndRandom();
  all.push_back(busy);
  for (const SamplingParams& params : all) {
    for (const float poison : {NAN, INFINITY}) {
      for (size_t at = 0; at < 3; ++at) {
        Sampler sampler(params, 3);
        sampler.Observe(std::vector<int32_t>{0, 1, 2}, 1);
        const Sampler before = sampler;
        std::vector<float> logits = {3, 1, 2};
        logits[at] = poison;

        EXPECT_FALSE(sampler.Sample(logits).has_value()) << poison << " at " << at;
        EXPECT_EQ(sampler.num_outputs(), 1);
        EXPECT_EQ(Outputs(sampler, {3, 1, 2}, 9), Outputs(before, {3, 1, 2}, 9));
      }
    }
  }
}

TEST(Sampler, RefusesWhenNothingIsLeftAndPassesOverMasks) {
  for (SamplingParams params : GreedyAndRandom()) {
    params.num_logprobs = 3;
    EXPECT_FALSE(SampleOnce(params, {-INFINITY, -INFINITY}).has_value());
    const auto choice = SampleOnce(params, {-INFINITY, -3, -INFINITY});
    EXPECT_EQ(choice->token, 1);
    EXPECT_EQ(choice->logprob, 0);
    EXPECT_EQ(choice->top_logprobs.size(), 1u);
  }
}

TEST(Sampler, LogprobsAreOfTheRawLogitsWhateverChangesThem) {
  SamplingParams params;
  params.temperature = 0.01f;
  params.top_k = 1;
  params.repetition_penalty = 2;
  params.presence_penalty = 2;
  params.logit_bias = {{2, 100}};
  params.num_logprobs = 2;
  Sampler sampler(params, 4);
  sampler.Observe(std::vector<int32_t>{3, 2}, 1);
  std::vector<float> logits = {std::log(0.1f), std::log(0.2f), std::log(0.3f), std::log(0.4f)};

  const auto choice = sampler.Sample(logits);

  EXPECT_EQ(choice->token, 2);
  EXPECT_NEAR(choice->logprob, std::log(0.3), 1e-6);
  ASSERT_EQ(choice->top_logprobs.size(), 2u);
  EXPECT_EQ(choice->top_logprobs[0].token, 3);
  EXPECT_NEAR(choice->top_logprobs[0].logprob, std::log(0.4), 1e-6);
  EXPECT_EQ(choice->top_logprobs[1].token, 2);
  EXPECT_EQ(choice->top_logprobs[1].logprob, choice->logprob);
}

TEST(Sampler, LogprobsComeOnlyWhenAskedFor) {
  SamplingParams params;
  EXPECT_EQ(SampleOnce(params, {0, 0})->logprob, 0);
  EXPECT_THAT(SampleOnce(params, {0, 0})->top_logprobs, IsEmpty());

  params.num_logprobs = 0;
  EXPECT_FLOAT_EQ(SampleOnce(params, {0, 0})->logprob, std::log(0.5f));
  EXPECT_THAT(SampleOnce(params, {0, 0})->top_logprobs, IsEmpty());
}

TEST(Sampler, LogprobsDoNotChangeTheChoice) {
  for (SamplingParams params : GreedyAndRandom()) {
    params.repetition_penalty = 1.3f;
    const std::vector<float> logits = {0.5f, 0.25f, 0.75f, 0.5f};
    const auto without = Outputs(Sampler(params, 4), logits, 50);
    params.num_logprobs = 4;
    EXPECT_EQ(Outputs(Sampler(params, 4), logits, 50), without);
  }
}

template <typename Value>
std::vector<SamplingParams> Times(const std::vector<SamplingParams>& all,
                                  Value SamplingParams::*field, const std::vector<Value>& values) {
  std::vector<SamplingParams> product;
  for (SamplingParams params : all) {
    for (const Value& value : values) {
      params.*field = value;
      product.push_back(params);
    }
  }
  return product;
}

// Every combination of limits; token 3 is masked, all others have been seen.
TEST(Sampler, EveryParameterAtItsLimitsLeavesAChoice) {
  constexpr uint64_t kLastSeed = ~uint64_t{0};
  std::vector<SamplingParams> all(1);
  all = Times(all, &SamplingParams::temperature, {1e-45f, 2.0f});
  all = Times(all, &SamplingParams::top_p, {1e-45f, 1.0f});
  all = Times(all, &SamplingParams::top_k, {0, 1, 5});
  all = Times(all, &SamplingParams::min_p, {0.0f, 1.0f});
  all = Times(all, &SamplingParams::repetition_penalty, {1e-45f, 1.0f, 10.0f});
  all = Times(all, &SamplingParams::frequency_penalty, {-2.0f, 2.0f});
  all = Times(all, &SamplingParams::presence_penalty, {-2.0f, 2.0f});
  all = Times(all, &SamplingParams::logit_bias, {{{1, -100}}, {{1, 100}, {3, 100}}});
  all = Times(all, &SamplingParams::num_logprobs, {std::nullopt, 0, 5});
  all = Times(all, &SamplingParams::seed, {uint64_t{0}, kLastSeed});
  for (const SamplingParams& params : all) {
    Sampler sampler(params, 5);
    sampler.Observe(std::vector<int32_t>{0, 1, 2, 4, 0, 2}, 2);
    SamplingParams greedy = params;
    greedy.temperature = 0;
    const std::vector<float> logits = {-0.3f, -1.2f, 2.1f, -INFINITY, -0.7f};
    const int32_t likeliest = Outputs(sampler.WithParams(greedy), logits, 1)[0];
    const int32_t drawn = Outputs(sampler, logits, 1)[0];
    ASSERT_NE(drawn, 3);
    if (params.repetition_penalty < 1) continue;  // so small that it makes ties
    const bool leaves_one =
        params.temperature < 1 || params.top_p < 1 || params.top_k == 1 || params.min_p == 1;
    if (leaves_one) {
      ASSERT_EQ(drawn, likeliest);
    }
  }
}

TEST(SamplerDeathTest, ParametersAndLogitsMustFitTheVocabulary) {
  SamplingParams params;
  params.logit_bias = {{4, 1}};
  EXPECT_DEATH(Sampler(params, 4), "broken invariant");
  params.logit_bias = {{-1, 1}};
  EXPECT_DEATH(Sampler(SamplingParams(), 4).WithParams(params), "broken invariant");
  std::vector<float> short_row(3);
  EXPECT_DEATH(Sampler(SamplingParams(), 4).Sample(short_row), "broken invariant");
}

}  // namespace
}  // namespace glyph::vlm
