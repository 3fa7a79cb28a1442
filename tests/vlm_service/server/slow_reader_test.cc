// Readers that do not keep up, and what becomes of their requests.
#include "tests/vlm_service/server/server_fixture.h"

namespace glyph::vlm {
namespace {

v1::GenerateRequest Request(const std::string& text, uint32_t max_tokens) {
  v1::GenerateRequest start = StartRequest(text);
  start.mutable_start()->mutable_options()->set_max_tokens(max_tokens);
  return start;
}

class SlowReaderTest : public ServerFixture {};

TEST_F(SlowReaderTest, CutsAReaderThatStaysBehind) {
  VlmClient client(stub());
  client.Send(Request("W", 1900));  // 1.9 MB of text
  client.HalfClose();
  executor_->AwaitSteps(1);
  executor_->AwaitNoSlots();  // the request ended although its client reads nothing
  EXPECT_EQ(engine_->Stats().counts.failed, 1);
  EXPECT_FALSE(client.Finish().status.ok());
  EXPECT_LT(client.answer().ids.size(), 1900u);
}

TEST_F(SlowReaderTest, CountsLogprobsAsWhatWaits) {
  v1::GenerateRequest start = Request("Long", 1900);  // 32 KiB without, 630 KiB with them
  start.mutable_start()->mutable_options()->set_logprobs(20);
  VlmClient client(stub());
  client.Send(start);
  client.HalfClose();
  executor_->AwaitSteps(1);
  executor_->AwaitNoSlots();
  EXPECT_EQ(engine_->Stats().counts.failed, 1);
  EXPECT_FALSE(client.Finish().status.ok());
}

TEST_F(SlowReaderTest, CoalescesTokensForAReaderThatPauses) {
  VlmClient client(stub());
  client.Send(Request("Long", 1000));
  client.HalfClose();
  ASSERT_TRUE(client.ReadUntil([](const Answer& answer) { return !answer.ids.empty(); }));
  executor_->AwaitNoSlots();
  EXPECT_EQ(client.Finish().text, std::string(1000, 'x'));
}

class StalledReaderTest : public ServerFixture {
 protected:
  StalledReaderTest() : ServerFixture(/*stall_timeout=*/absl::Milliseconds(200)) {}
};

TEST_F(StalledReaderTest, CutsAReaderThatTakesNothingForTooLong) {
  VlmClient client(stub());
  client.Send(Request("V", 1900));  // 180 KB in all, but it runs for two seconds
  client.HalfClose();
  executor_->AwaitSteps(1);
  executor_->AwaitNoSlots();
  AwaitIdle();
  EXPECT_EQ(engine_->Stats().counts.failed, 1);
  EXPECT_EQ(engine_->Stats().counts.finished, 0);
  EXPECT_FALSE(client.Finish().status.ok());
  EXPECT_LT(client.answer().ids.size(), 1900u);
  ExpectNothingLeft();
}

TEST_F(StalledReaderTest, LeavesAReaderThatReadsAlone) {
  VlmClient client(stub());
  client.Send(Request("V", 800));  // well over the stall timeout
  client.HalfClose();
  EXPECT_TRUE(client.Finish().status.ok());
  EXPECT_EQ(client.answer().ids.size(), 800u);
}

TEST_F(StalledReaderTest, LeavesAReaderAloneThatHasNothingToRead) {
  VlmClient client(stub());
  client.Send(StartRequest("?", 1, 6));
  ASSERT_TRUE(client.ReadUntil([](const Answer& answer) { return answer.admitted.has_value(); }));
  absl::SleepFor(absl::Milliseconds(600));  // nothing happens for three stall timeouts
  const ClientPage page = RenderedPage(0, 56, 84);
  client.Send(OfferRequest(page));
  for (const v1::GenerateRequest& strip : StripRequests(page)) {
    client.ReadUntil([](const Answer& answer) { return !answer.decisions.empty(); });
    client.Send(strip);
  }
  client.HalfClose();
  EXPECT_EQ(client.Finish().text, "hello");
}

}  // namespace
}  // namespace glyph::vlm
