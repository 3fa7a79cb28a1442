#include "vlm_service/server/output_queue.h"

#include "gmock/gmock.h"
#include "vlm_service/server/generate_events.h"

namespace glyph::vlm {
namespace {

TokenEvent Token(int32_t sample, int64_t index, const std::string& text) {
  return {.sample = sample,
          .index = index,
          .id = 7,
          .text = text,
          .logprob = -1.5f,
          .top_logprobs = {{7, -1.5f}, {8, -2.0f}}};
}

TEST(OutputQueueTest, JoinsTokensThatWaitNextToEachOther) {
  OutputQueue queue;
  queue.PushToken(Token(0, 0, "a"), false);
  queue.PushToken(Token(1, 0, "b"), false);
  SampleFinishedEvent finished;
  finished.sample = 1;
  queue.Push(SampleFinishedResponse(finished));
  queue.PushToken(Token(0, 1, "c"), false);

  const v1::GenerateResponse first = queue.Pop();
  ASSERT_EQ(first.tokens().tokens_size(), 2);
  EXPECT_EQ(first.tokens().tokens(1).sample(), 1u);
  EXPECT_EQ(first.tokens().tokens(1).text(), "b");
  EXPECT_EQ(queue.Pop().sample_finished().sample(), 1u);
  EXPECT_EQ(queue.Pop().tokens().tokens(0).text(), "c");
  EXPECT_TRUE(queue.empty());
}

TEST(OutputQueueTest, SendsLogprobsOnlyWhenTheyMeanSomething) {
  OutputQueue queue;
  queue.PushToken(Token(0, 0, "a"), false);
  queue.PushToken(Token(0, 1, "b"), true);
  const v1::GenerateResponse response = queue.Pop();
  EXPECT_FALSE(response.tokens().tokens(0).has_logprob());
  EXPECT_EQ(response.tokens().tokens(0).top_logprobs_size(), 0);
  EXPECT_EQ(response.tokens().tokens(1).logprob(), -1.5f);
  ASSERT_EQ(response.tokens().tokens(1).top_logprobs_size(), 2);
  EXPECT_EQ(response.tokens().tokens(1).top_logprobs(1).token_id(), 8u);
  EXPECT_EQ(response.tokens().tokens(1).top_logprobs(1).logprob(), -2.0f);
}

TEST(OutputQueueTest, CountsTheBytesOfWaitingTokens) {
  OutputQueue queue;
  queue.PushToken(Token(0, 0, std::string(1000, 'w')), false);
  const size_t plain = queue.token_bytes();
  queue.PushToken(Token(0, 1, std::string(1000, 'w')), true);
  EXPECT_GE(plain, 1000u);
  EXPECT_GT(queue.token_bytes(), 2 * plain);
  queue.Pop();
  EXPECT_EQ(queue.token_bytes(), 0u);
  queue.PushToken(Token(0, 2, "x"), true);
  queue.Clear();
  EXPECT_EQ(queue.token_bytes(), 0u);
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace glyph::vlm
