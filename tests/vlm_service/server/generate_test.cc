#include <thread>

#include "proto/rpc/error.h"
#include "tests/vlm_service/server/server_fixture.h"

namespace glyph::vlm {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

class GenerateTest : public ServerFixture {};

std::string Reason(const Answer& answer) { return rpc::GetErrorDetails(answer.status).reason; }

TEST_F(GenerateTest, AnswersATextPrompt) {
  const Answer answer = Ask(stub(), StartRequest("hi"));
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_EQ(answer.text, "hello");
  EXPECT_EQ(answer.ids.back(), static_cast<uint32_t>(kStopId));
  EXPECT_EQ(answer.finished->reason(), v1::FINISH_REASON_STOP);
  EXPECT_EQ(answer.finished->prompt_tokens(), 8u);  // [gMASK]<sop><|user|>\n hi <|assistant|>\n
  EXPECT_EQ(answer.finished->visual_tokens(), 0u);
  EXPECT_EQ(answer.finished->output_tokens(), 6u);
  EXPECT_THAT(answer.admitted->request_id(), StartsWith("vlm-"));
  ExpectNothingLeft();
}

TEST_F(GenerateTest, ReadsPagesInOrder) {
  const std::vector<ClientPage> pages = {RenderedPage(0, 56, 84), RenderedPage(1, 84, 112, 7),
                                         RenderedPage(2, 56, 84)};
  const Answer answer = Ask(stub(), StartRequest("what?", 3, 30), pages);
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_EQ(answer.text, "hello");
  ASSERT_THAT(answer.encoded, SizeIs(3));
  EXPECT_EQ(answer.encoded[0].visual_tokens(), 6u);
  EXPECT_EQ(answer.encoded[1].visual_tokens(), 12u);
  EXPECT_EQ(answer.finished->visual_tokens(), 24u);
  EXPECT_EQ(answer.finished->prompt_tokens(), 41u);  // 24 + 3 * 2 + 5 of text + 6
  EXPECT_FALSE(answer.finished->profile_mismatch());
  EXPECT_EQ(answer.admitted->reserved_tokens() % 16, 0u);
  ExpectNothingLeft();
}

TEST_F(GenerateTest, TakesAnUploadInStripsOfAnyHeight) {
  ClientPage page = RenderedPage(0, 60, 100);
  page.header.set_origin(v1::PAGE_ORIGIN_UPLOADED);
  page.header.set_format(v1::PIXEL_FORMAT_RGB8);
  page.header.clear_profile_fingerprint();
  page.pixels.assign(60 * 100 * 3, '\x42');
  page.strip_rows = 33;
  const Answer answer = Ask(stub(), StartRequest("?", 1, 400), {page});
  EXPECT_TRUE(answer.status.ok()) << answer.status;
}

TEST_F(GenerateTest, MarksAnAnswerOverPagesOfAnotherProfile) {
  ClientPage page = RenderedPage(0, 56, 84);
  page.header.set_profile_fingerprint(std::string(32, 'X'));
  v1::GenerateRequest start = StartRequest("?", 1, 6);
  start.mutable_start()->set_allow_profile_mismatch(true);
  const Answer answer = Ask(stub(), start, {page});
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_TRUE(answer.finished->profile_mismatch());
}

TEST_F(GenerateTest, HonoursMaxTokensAndStop) {
  v1::GenerateRequest length = StartRequest("Long");
  length.mutable_start()->mutable_options()->set_max_tokens(17);
  const Answer cut = Ask(stub(), length);
  EXPECT_EQ(cut.finished->reason(), v1::FINISH_REASON_LENGTH);
  EXPECT_EQ(cut.text, std::string(17, 'x'));
  v1::GenerateRequest stop = StartRequest("hi");
  stop.mutable_start()->mutable_options()->add_stop("ll");
  const Answer stopped = Ask(stub(), stop);
  EXPECT_EQ(stopped.finished->reason(), v1::FINISH_REASON_STOP_STRING);
  EXPECT_EQ(stopped.text, "he");
}

TEST_F(GenerateTest, DefaultsToWhatFitsInTheContext) {
  const Answer whole = Ask(stub(), StartRequest("Long"));
  EXPECT_EQ(whole.ids.size(), 1024u);
  const Answer cut = Ask(stub(), StartRequest("L" + std::string(1800, 'a')));
  ASSERT_TRUE(cut.status.ok()) << cut.status;
  EXPECT_EQ(cut.finished->reason(), v1::FINISH_REASON_LENGTH);
  EXPECT_LE(cut.finished->prompt_tokens() + cut.ids.size(), 2000u);
  EXPECT_GT(cut.finished->prompt_tokens() + cut.ids.size(), 1980u);
}

TEST_F(GenerateTest, CancelsMidDecodeAndFreesEverything) {
  VlmClient client(stub());
  client.Send(StartRequest("Long"));
  client.HalfClose();
  ASSERT_TRUE(client.ReadUntil([](const Answer& answer) { return answer.ids.size() >= 5; }));
  client.Cancel();
  EXPECT_EQ(client.Finish().status.code(), absl::StatusCode::kCancelled);
  ExpectNothingLeft();
  EXPECT_EQ(engine_->Stats().counts.cancelled + engine_->Stats().counts.finished, 1);
}

TEST_F(GenerateTest, CountsACancelInsideAPageAsCancelled) {
  constexpr int kRounds = 50;
  const ClientPage page = RenderedPage(0, 56, 84);
  for (int i = 0; i < kRounds; ++i) {
    VlmClient client(stub());
    client.Send(StartRequest("?", 1, 6));
    client.Send(OfferRequest(page));
    ASSERT_TRUE(client.ReadUntil([](const Answer& answer) { return !answer.decisions.empty(); }));
    client.Send(StripRequests(page)[0]);
    client.Cancel();
    EXPECT_EQ(client.Finish().status.code(), absl::StatusCode::kCancelled);
  }
  ExpectNothingLeft();
  EXPECT_EQ(engine_->Stats().counts.cancelled, kRounds);
  EXPECT_EQ(engine_->Stats().counts.failed, 0);
}

TEST_F(GenerateTest, EndsAtTheClientsDeadline) {
  VlmClient client(stub(), /*timeout_ms=*/50);
  client.Send(StartRequest("?", 1, 6));  // and its page never comes
  EXPECT_EQ(client.Finish().status.code(), absl::StatusCode::kDeadlineExceeded);
  ExpectNothingLeft();
}

TEST_F(GenerateTest, EndsOneRequestOnNonFiniteLogits) {
  const Answer answer = Ask(stub(), StartRequest("~"));
  EXPECT_EQ(answer.status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(Reason(answer), "NON_FINITE_LOGITS");
  EXPECT_THAT(answer.ids, SizeIs(1));
  EXPECT_TRUE(Ask(stub(), StartRequest("hi")).status.ok());
}

TEST_F(GenerateTest, RefusesARequestIdInUse) {
  v1::GenerateRequest start = StartRequest("?", 1, 6);
  start.mutable_start()->set_request_id("mine");
  VlmClient first(stub());
  first.Send(start);
  ASSERT_TRUE(first.ReadUntil([](const Answer& answer) { return answer.admitted.has_value(); }));
  EXPECT_EQ(first.answer().admitted->request_id(), "mine");
  const Answer second = Ask(stub(), start);
  EXPECT_EQ(second.status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Reason(second), "REQUEST_ID_IN_USE");
  first.Cancel();
  first.Finish();
}

TEST_F(GenerateTest, TellsEveryCallWhenTheModelFails) {
  executor_->Pause();
  VlmClient client(stub());
  client.Send(StartRequest("Long"));
  client.HalfClose();
  executor_->AwaitPaused();
  executor_->FailNextStep(absl::InternalError("cause"));
  executor_->Resume();
  const Answer& answer = client.Finish();
  EXPECT_EQ(answer.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Reason(answer), "EXECUTOR_FAILED");
  const Answer later = Ask(stub(), StartRequest("hi"));
  EXPECT_EQ(later.status.code(), absl::StatusCode::kUnavailable);
}

TEST_F(GenerateTest, FinishesRunningRequestsWhenDrained) {
  executor_->Pause();
  VlmClient client(stub());
  client.Send(StartRequest("hi"));
  client.HalfClose();
  executor_->AwaitPaused();
  service_->Drain();
  const Answer refused = Ask(stub(), StartRequest("hi"));
  EXPECT_EQ(refused.status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Reason(refused), "DRAINING");
  EXPECT_TRUE(rpc::GetErrorDetails(refused.status).retry_after.has_value());
  executor_->Resume();
  EXPECT_EQ(client.Finish().text, "hello");
}

TEST_F(GenerateTest, AnswersWithSeveralSamples) {
  v1::GenerateRequest start = StartRequest("S");
  start.mutable_start()->mutable_options()->set_n(3);
  start.mutable_start()->mutable_options()->set_seed(1);
  const Answer answer = Ask(stub(), start);
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_EQ(answer.texts, (std::map<uint32_t, std::string>{{0, "b"}, {1, "c"}, {2, "d"}}));
  ASSERT_THAT(answer.samples, SizeIs(3));
  for (const v1::SampleFinished& sample : answer.samples) {
    EXPECT_EQ(sample.reason(), v1::FINISH_REASON_STOP);
    EXPECT_EQ(sample.output_tokens(), 2u);
  }
  EXPECT_EQ(answer.finished->reason(), v1::FINISH_REASON_STOP);
  EXPECT_EQ(answer.finished->output_tokens(), 6u);
  ExpectNothingLeft();
}

TEST_F(GenerateTest, GivesTheTailsOfSamplesWithTheSamples) {
  v1::GenerateRequest start = StartRequest("Long");
  v1::GenerationOptions* options = start.mutable_start()->mutable_options();
  options->set_n(2);
  options->set_max_tokens(3);
  options->add_stop("xxy");  // never comes: "xx" waits for it until the end
  const Answer answer = Ask(stub(), start);
  ASSERT_THAT(answer.samples, SizeIs(2));
  EXPECT_EQ(answer.samples[0].tail_text(), "xx");
  EXPECT_EQ(answer.samples[0].reason(), v1::FINISH_REASON_LENGTH);
  EXPECT_EQ(answer.texts, (std::map<uint32_t, std::string>{{0, "xxx"}, {1, "xxx"}}));
  EXPECT_EQ(answer.finished->tail_text(), "");
  EXPECT_EQ(answer.finished->reason(), v1::FINISH_REASON_LENGTH);
}

TEST_F(GenerateTest, SendsNoSampleEventForOneSample) {
  v1::GenerateRequest start = StartRequest("Long");
  start.mutable_start()->mutable_options()->set_max_tokens(3);
  start.mutable_start()->mutable_options()->add_stop("xxy");
  const Answer answer = Ask(stub(), start);
  EXPECT_THAT(answer.samples, SizeIs(0));
  EXPECT_EQ(answer.finished->tail_text(), "xx");
}

TEST_F(GenerateTest, GoesOnAfterForcedOutputIds) {
  v1::GenerateRequest start = StartRequest("hi");
  for (const char c : {'h', 'e'}) start.mutable_start()->add_forced_output_ids(c);
  const Answer answer = Ask(stub(), start);
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_EQ(answer.text, "llo");
  ASSERT_FALSE(answer.tokens.empty());
  EXPECT_EQ(answer.tokens[0].index(), 2u);
  EXPECT_EQ(answer.finished->output_tokens(), 6u);
  EXPECT_EQ(answer.finished->prompt_tokens(), 8u);
}

TEST_F(GenerateTest, ResumesWhereverAnAnswerBroke) {
  v1::GenerateRequest start = StartRequest("hi");
  const Answer whole = Ask(stub(), start);
  std::string sent;
  for (size_t i = 0; i + 1 < whole.ids.size(); ++i) {  // the stop token ends it
    start.mutable_start()->add_forced_output_ids(whole.ids[i]);
    sent += whole.tokens[i].text();
    const Answer resumed = Ask(stub(), start);
    ASSERT_TRUE(resumed.status.ok()) << resumed.status;
    EXPECT_EQ(sent + resumed.text, whole.text) << i;
  }
}

TEST_F(GenerateTest, SaysWhetherTheAnswerWouldComeAgain) {
  for (const float temperature : {0.0f, 0.001f}) {
    v1::GenerateRequest start = StartRequest("hi");
    start.mutable_start()->mutable_options()->set_temperature(temperature);
    EXPECT_EQ(Ask(stub(), start).admitted->greedy(), temperature == 0);
  }
}

TEST_F(GenerateTest, SendsLogprobsToThoseWhoAsk) {
  v1::GenerateRequest start = StartRequest("hi");
  for (const v1::Token& token : Ask(stub(), start).tokens) EXPECT_FALSE(token.has_logprob());
  for (const uint32_t count : {0u, 2u, 20u}) {
    start.mutable_start()->mutable_options()->set_logprobs(count);
    const Answer answer = Ask(stub(), start);
    ASSERT_THAT(answer.tokens, SizeIs(6));
    for (const v1::Token& token : answer.tokens) {
      EXPECT_TRUE(token.has_logprob());
      EXPECT_EQ(token.logprob(), -0.5f);
      EXPECT_EQ(token.top_logprobs_size(), static_cast<int>(count));
      for (const v1::TokenLogprob& top : token.top_logprobs()) {
        EXPECT_EQ(top.token_id(), token.id());
        EXPECT_EQ(top.logprob(), -0.5f);
      }
    }
  }
}

TEST_F(GenerateTest, ReadsAPromptOfItsTenantOnce) {
  v1::GenerateRequest start = StartRequest(std::string(100, 'a'));
  const Answer first = Ask(stub(), start);
  const Answer second = Ask(stub(), start);
  start.mutable_start()->set_tenant_salt("other");
  const Answer other = Ask(stub(), start);
  EXPECT_EQ(first.finished->cached_tokens(), 0u);
  EXPECT_EQ(second.finished->cached_tokens(), 96u);  // whole blocks of 16
  EXPECT_EQ(other.finished->cached_tokens(), 0u);
  EXPECT_EQ(second.text, first.text);
}

TEST_F(GenerateTest, ServesManyCallsAtOnce) {
  std::vector<std::thread> threads;
  std::vector<Answer> answers(24);
  for (size_t i = 0; i < answers.size(); ++i) {
    threads.emplace_back([this, i, &answers] {
      answers[i] = i % 2 == 0 ? Ask(stub(), StartRequest("hi"))
                              : Ask(stub(), StartRequest("?", 1, 6), {RenderedPage(0, 56, 84)});
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Answer& answer : answers) EXPECT_EQ(answer.text, "hello") << answer.status;
  ExpectNothingLeft();
  EXPECT_EQ(engine_->Stats().counts.finished, 24);
}

}  // namespace
}  // namespace glyph::vlm
