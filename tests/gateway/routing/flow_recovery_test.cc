#include "gmock/gmock.h"
#include "tests/gateway/routing/recovery_fixture.h"

namespace glyph::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using FlowRecoveryTest = RecoveryFixture;

TEST_F(FlowRecoveryTest, AsksAgainWhatNothingWasAnsweredTo) {
  Ask(TextRequest());
  generate().End(kGone);
  EXPECT_EQ(vlm_client_.calls.size(), 1u);  // not at once
  Wait();
  ASSERT_EQ(vlm_client_.calls.size(), 2u);
  EXPECT_EQ(generate().deadline, deadline_);
  EXPECT_THAT(Forced(), IsEmpty());
  EXPECT_TRUE(generate().half_closed);
  SendTokens({{1, "a"}, {2, "b"}});
  FinishGenerate();

  EXPECT_TRUE(sink_->ends.at(0).ok());
  EXPECT_EQ(Text(), "ab");
  EXPECT_EQ(Retries("vlm_service", "restart"), 1);
  EXPECT_EQ(Retries("vlm_service", "resume"), 0);
}

TEST_F(FlowRecoveryTest, WaitsForTheServiceButNotLongerThanItsPatience) {
  Ask(TextRequest());
  readiness_.Set(Upstream::kVlm, false);
  generate().End(rpc::Unavailable("DRAINING", absl::Seconds(1), "going"));
  Wait(absl::Milliseconds(29'999));
  EXPECT_TRUE(sink_->ends.empty());
  EXPECT_EQ(vlm_client_.calls.size(), 1u);
  Wait(absl::Milliseconds(1));

  ASSERT_EQ(sink_->ends.size(), 1u);
  EXPECT_EQ(vlm_client_.calls.size(), 1u);
  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends[0]).reason, "DRAINING");
  EXPECT_TRUE(rpc::GetErrorDetails(sink_->ends[0]).retry_after.has_value());
}

TEST_F(FlowRecoveryTest, TriesAsSoonAsTheServiceIsBack) {
  Ask(TextRequest());
  readiness_.Set(Upstream::kVlm, false);
  generate().End(kGone);
  Wait(absl::Seconds(20));
  EXPECT_EQ(vlm_client_.calls.size(), 1u);
  readiness_.Set(Upstream::kVlm, true);

  EXPECT_EQ(vlm_client_.calls.size(), 2u);
  Wait(absl::Seconds(30));  // the end of its patience changes nothing
  EXPECT_TRUE(sink_->ends.empty());
}

TEST_F(FlowRecoveryTest, NeverWaitsBeyondTheDeadline) {
  patience_ = absl::Minutes(10);
  Ask(TextRequest());
  readiness_.Set(Upstream::kVlm, false);
  generate().End(kGone);
  Wait(deadline_ - now_);

  ASSERT_EQ(sink_->ends.size(), 1u);
  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends[0]).reason, "VLM_UNAVAILABLE");
}

TEST_F(FlowRecoveryTest, StopsWhenTheServiceDiesOfItAgainAndAgain) {
  Ask(TextRequest());
  for (int i = 0; i < 100 && sink_->ends.empty(); ++i) {
    generate().End(kGone);
    Wait();
  }
  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends.at(0)).reason, "VLM_UNAVAILABLE");
  EXPECT_LT(vlm_client_.calls.size(), 10u);
  EXPECT_LE(now_, absl::UnixEpoch() + patience_ + absl::Seconds(5));
}

TEST_F(FlowRecoveryTest, StopsWhenTheServiceDiesAtTheSameTokenAgainAndAgain) {
  sink_->keeps_deltas = true;
  Ask(TextRequest());
  for (int i = 0; i < 100 && sink_->ends.empty(); ++i) {
    SendTokens({{1, "a"}});
    generate().End(kGone);
    Wait();
  }
  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends.at(0)).reason, "VLM_UNAVAILABLE");
  EXPECT_LT(vlm_client_.calls.size(), 20u);
}

TEST_F(FlowRecoveryTest, KeepsAnAnswerWhoseEndWasNotTold) {
  Ask(TextRequest());
  SendTokens({{1, "a"}});
  v1::GenerateResponse finished;
  finished.mutable_finished()->set_reason(v1::FINISH_REASON_STOP);
  generate().Send(finished);
  generate().End(kGone);
  EXPECT_TRUE(sink_->ends.at(0).ok());
  EXPECT_EQ(vlm_client_.calls.size(), 1u);
}

TEST_F(FlowRecoveryTest, HasNewPatienceAfterProgress) {
  Ask(TextRequest());
  std::string expected;
  for (uint32_t i = 0; i < 9; ++i) {
    SendAdmitted(true);
    if (i > 0) SendTokens({{i - 1, "x"}});
    SendTokens({{i, "x"}});
    expected += "x";
    generate().End(kGone);
    Wait();
    EXPECT_TRUE(sink_->ends.empty());
  }
  EXPECT_EQ(Text(), expected);
  EXPECT_EQ(Retries("vlm_service", "resume"), 9);
}

TEST_F(FlowRecoveryTest, GoesOnWhereAGreedyAnswerBroke) {
  v1::AskRequest request = TextRequest();
  for (const uint32_t id : {8u, 9u}) request.add_forced_output_ids(id);
  Ask(request);
  SendAdmitted(true);
  SendTokens({{1, "a"}, {2, ""}, {3, "b"}, {4, ""}});  // 4 is held back
  generate().End(kGone);
  Wait();
  EXPECT_THAT(Forced(), ElementsAre(8, 9, 1, 2, 3));  // the last token is said again
  SendAdmitted(true);
  SendTokens({{4, ""}});
  SendTokens({{5, "cd"}});
  FinishGenerate();

  EXPECT_TRUE(sink_->ends.at(0).ok());
  EXPECT_EQ(Text(), "abcd");
  EXPECT_THAT(Ids(), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(Events(v1::AskResponse::kPlan).size(), 1u);
}

TEST_F(FlowRecoveryTest, GoesOnAfterTheLastToken) {
  Ask(TextRequest());
  SendAdmitted(true);
  SendTokens({{1, "a"}, {2, ""}});
  SendTokens({{99, ""}});  // the stop token; only `finished` is missing
  generate().End(kGone);
  Wait();
  EXPECT_THAT(Forced(), ElementsAre(1, 2));
  SendTokens({{99, ""}});
  v1::GenerateResponse finished;
  finished.mutable_finished()->set_reason(v1::FINISH_REASON_STOP);
  finished.mutable_finished()->set_tail_text("b");
  finished.mutable_finished()->set_output_tokens(3);
  generate().Send(finished);
  generate().End(absl::OkStatus());

  EXPECT_EQ(Text(), "ab");
  EXPECT_THAT(Ids(), ElementsAre(1, 2));
  EXPECT_EQ(sink_->events.back().finished().usage().output_tokens(), 3u);
}

TEST_F(FlowRecoveryTest, SurvivesABreakOfTheResumption) {
  Ask(TextRequest());
  SendAdmitted(true);
  SendTokens({{1, "a"}, {2, "b"}});
  for (int i = 0; i < 2; ++i) {
    generate().End(kGone);
    Wait();
    EXPECT_THAT(Forced(), ElementsAre(1));
  }
  SendTokens({{2, "b"}, {3, "c"}});
  FinishGenerate();
  EXPECT_EQ(Text(), "abc");
}

TEST_F(FlowRecoveryTest, ChargesForAResumedAnswerOnce) {
  KeyMetrics key_metrics(registry_);
  const auto alice = std::make_shared<KeyAccount>(
      "alice", KeyLimits{.tokens_per_minute = 100}, [] { return SteadyTime(); }, key_metrics);
  v1::AskRequest request = TextRequest();
  request.set_request_id("id");
  flow_ = DocumentFlow::Create(Services(), request, UpstreamCall(deadline_, "", alice), sink_);
  flow_->Start();
  v1::GenerateResponse admitted;
  admitted.mutable_admitted()->set_greedy(true);
  admitted.mutable_admitted()->set_reserved_tokens(60);
  generate().Send(admitted);
  SendTokens({{1, "a"}, {2, "b"}});
  generate().End(kGone);
  Wait();
  admitted.mutable_admitted()->set_reserved_tokens(61);  // the prompt and what was said
  generate().Send(admitted);
  SendTokens({{2, "b"}, {3, "c"}});
  v1::GenerateResponse finished;
  finished.mutable_finished()->set_reason(v1::FINISH_REASON_STOP);
  finished.mutable_finished()->set_prompt_tokens(60);
  finished.mutable_finished()->set_output_tokens(3);
  generate().Send(finished);
  generate().End(absl::OkStatus());

  ASSERT_EQ(Text(), "abc");
  alice->SpendTokens(100 - 63 - 1);
  EXPECT_TRUE(alice->Begin().ok());  // 1 left
  alice->SpendTokens(1);
  EXPECT_FALSE(alice->Begin().ok());
}

TEST_F(FlowRecoveryTest, EndsWhenTheModelDoesNotRepeatItself) {
  Ask(TextRequest());
  SendAdmitted(true);
  SendTokens({{1, "a"}, {2, "b"}});
  generate().End(kGone);
  Wait();
  SendTokens({{7, "?"}});

  EXPECT_EQ(sink_->ends.at(0).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends[0]).reason, "VLM_CHANGED");
  EXPECT_TRUE(rpc::GetErrorDetails(sink_->ends[0]).retry_after.has_value());
  EXPECT_EQ(Text(), "ab");
}

struct BrokenCase {
  bool greedy;
  uint32_t n;
};
class UnrepeatableTest : public FlowRecoveryTest, public testing::WithParamInterface<BrokenCase> {
 protected:
  // Another answer, "b", comes after the break.
  void BreakBehind(const std::pair<uint32_t, std::string>& token) {
    v1::AskRequest request = TextRequest();
    request.mutable_generation()->set_n(GetParam().n);
    Ask(request);
    SendAdmitted(GetParam().greedy);
    SendTokens({token});
    generate().End(kGone);
    Wait();
    EXPECT_THAT(Forced(), IsEmpty());
    SendTokens({{2, "b"}});
    FinishGenerate();
  }
};
INSTANTIATE_TEST_SUITE_P(EveryKind, UnrepeatableTest,
                         testing::Values(BrokenCase{false, 1}, BrokenCase{true, 2}));

TEST_P(UnrepeatableTest, EndsAtOnceWhenTextWasStreamed) {
  v1::AskRequest request = TextRequest();
  request.mutable_generation()->set_n(GetParam().n);
  Ask(request);
  SendAdmitted(GetParam().greedy);
  SendTokens({{1, "a"}});
  generate().End(kGone);

  EXPECT_EQ(sink_->ends.at(0).code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(rpc::GetErrorDetails(sink_->ends[0]).retry_after.has_value());
}

TEST_P(UnrepeatableTest, BeginsAnewWhenNoTextWasStreamed) {
  BreakBehind({1, ""});
  EXPECT_EQ(Text(), "b");
  EXPECT_THAT(Ids(), ElementsAre(2));
}

TEST_P(UnrepeatableTest, BeginsAnewWhenTheSinkKeptTheText) {
  sink_->keeps_deltas = true;
  BreakBehind({1, "a"});
  EXPECT_EQ(Text(), "b");
}

TEST_F(FlowRecoveryTest, ShowsPagesToTheModelAgainAndToTheClientOnce) {
  v1::AskRequest request = DocumentRequest();
  request.set_include_pages(true);
  request.set_include_source_map(true);
  Ask(request);
  render(0).Send(Plan(2));
  SendAdmitted(true);
  render(0).Send(Page());
  SendDecision(0, v1::PAGE_ANSWER_NEED);
  render(0).Send(Strip());
  render(0).Send(SourceMap());
  v1::GenerateResponse encoded;
  encoded.mutable_page_encoded()->set_visual_tokens(2);
  generate().Send(encoded);
  generate().End(kGone);
  EXPECT_TRUE(render(0).cancelled);
  Wait();
  ASSERT_EQ(render_client_.calls.size(), 2u);  // the profile is known
  EXPECT_EQ(render(1).source, "a long text");
  render(1).Send(Plan(2));
  for (uint32_t page = 0; page < 2; ++page) {
    render(1).Send(Page());
    EXPECT_EQ(generate().writes.back().offer().page().page_index(), page);
    SendDecision(page, v1::PAGE_ANSWER_NEED);
    render(1).Send(Strip());
    render(1).Send(SourceMap());
    encoded.mutable_page_encoded()->set_page_index(page);
    generate().Send(encoded);
  }
  render(1).Send(Done(2));
  SendTokens({{1, "a"}});
  FinishGenerate();

  EXPECT_TRUE(sink_->ends.at(0).ok()) << sink_->ends[0];
  EXPECT_EQ(Events(v1::AskResponse::kPlan).size(), 1u);
  EXPECT_EQ(Events(v1::AskResponse::kPage).size(), 4u);  // drawn and encoded
  EXPECT_EQ(Events(v1::AskResponse::kStrip).size(), 2u);
  EXPECT_EQ(Events(v1::AskResponse::kSourceMap).size(), 2u);
  EXPECT_EQ(sink_->events.back().finished().usage().pages(), 2u);
  EXPECT_EQ(sink_->events.back().finished().usage().characters(), 100u);
}

TEST_F(FlowRecoveryTest, EndsWhenTheDocumentIsDrawnOtherwise) {
  Ask(DocumentRequest());
  render(0).Send(Plan(2));
  generate().End(kGone);
  Wait();
  render(1).Send(Plan(3));
  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends.at(0)).reason, "VLM_CHANGED");
}

TEST_F(FlowRecoveryTest, WaitsForAnIdThatTheServiceStillHolds) {
  Ask(TextRequest());
  generate().End(kGone);
  Wait();
  generate().End(rpc::MakeError(absl::StatusCode::kAlreadyExists,
                                {.reason = "REQUEST_ID_IN_USE", .field = "", .retry_after = {}},
                                "in use"));
  Wait();
  SendTokens({{1, "a"}});
  FinishGenerate();
  EXPECT_TRUE(sink_->ends.at(0).ok());
}

TEST_F(FlowRecoveryTest, TriesNothingAgainThatIsTheRequestsOwnFault) {
  for (const absl::Status& status :
       {rpc::Unavailable("NON_FINITE_LOGITS", absl::Seconds(5), "nan"),
        absl::UnknownError("Stream removed"), absl::DeadlineExceededError("late")}) {
    sink_ = std::make_shared<RecordingAnswerSink>();
    Ask(TextRequest());
    generate().End(status);
    EXPECT_EQ(sink_->ends.size(), 1u) << status;
  }
}

TEST_F(FlowRecoveryTest, CancelsWhileItWaits) {
  Ask(TextRequest());
  generate().End(kGone);
  flow_->Cancel();
  EXPECT_EQ(sink_->ends.at(0).code(), absl::StatusCode::kCancelled);
  Wait();
  EXPECT_EQ(vlm_client_.calls.size(), 1u);
}

TEST_F(FlowRecoveryTest, IsNotKeptAliveByItsWait) {
  Ask(TextRequest());
  generate().End(kGone);
  const std::weak_ptr<DocumentFlow> flow = flow_;
  flow_.reset();
  EXPECT_TRUE(flow.expired());
  Wait();
  EXPECT_EQ(vlm_client_.calls.size(), 1u);
}

}  // namespace
}  // namespace glyph::gateway
