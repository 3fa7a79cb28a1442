#include "gmock/gmock.h"
#include "proto/rpc/error.h"
#include "tests/gateway/routing/flow_fixture.h"

// How a flow ends before its time: at every stage, by everyone, exactly once.
namespace glyph::gateway {
namespace {

// How far the request of DocumentRequest has come.
enum class Stage { kModelAsked, kRenderOpened, kPlanned, kOffered, kStreaming, kGenerating };

class FlowEndTest : public FlowFixture, public ::testing::WithParamInterface<Stage> {
 protected:
  void Reach(Stage stage) {
    if (stage == Stage::kModelAsked) {
      v1::AskRequest request = DocumentRequest();
      request.set_request_id("id");
      flow_ = DocumentFlow::Create(Services(), request, deadline_, sink_);
      return flow_->Start();
    }
    Ask(DocumentRequest());
    if (stage == Stage::kRenderOpened) return;
    render(0).Send(Plan(1));
    if (stage == Stage::kPlanned) return;
    render(0).Send(Page());
    if (stage == Stage::kOffered) return;
    SendDecision(0, v1::PAGE_ANSWER_NEED);
    if (stage == Stage::kStreaming) return;
    render(0).Send(Strip());
    render(0).Send(Done(1));
    SendTokens({{1, "a"}});
  }

  // Everything that may still come after the end changes nothing.
  void ExpectNothingMore() {
    const size_t num_events = sink_->events.size();
    flow_->Cancel();
    flow_->Resume();
    if (vlm_client_.model_calls.size() == 1) vlm_client_.model_calls[0](v1::Model());
    for (const auto& call : render_client_.calls) {
      EXPECT_TRUE(call->cancelled);
      if (call->listener.on_event) call->Send(Plan(1));
      call->End(absl::CancelledError());
    }
    for (const auto& call : vlm_client_.calls) {
      EXPECT_TRUE(call->cancelled);
      if (call->listener.on_event) call->Send(v1::GenerateResponse());
      call->End(absl::CancelledError());
    }
    EXPECT_EQ(sink_->ends.size(), 1u);
    EXPECT_EQ(sink_->events.size(), num_events);
  }
};

using ClientCancelsTest = FlowEndTest;
using RendererFailsTest = FlowEndTest;
using ModelFailsTest = FlowEndTest;

TEST_P(ClientCancelsTest, EndsOnceAndCancelsTheServices) {
  Reach(GetParam());
  flow_->Cancel();

  ASSERT_EQ(sink_->ends.size(), 1u);
  EXPECT_EQ(sink_->ends[0].code(), absl::StatusCode::kCancelled);
  ExpectNothingMore();
}

TEST_P(RendererFailsTest, PassesItsErrorWithTheFieldOfTheRequest) {
  Reach(GetParam());
  render(0).End(rpc::InvalidArgument("INVALID_UTF8", "document.text", "byte 3"));

  ASSERT_EQ(sink_->ends.size(), 1u);
  const rpc::ErrorDetails details = rpc::GetErrorDetails(sink_->ends[0]);
  EXPECT_EQ(sink_->ends[0].code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(sink_->ends[0].message(), "byte 3");
  EXPECT_EQ(details.reason, "INVALID_UTF8");
  EXPECT_EQ(details.field, "parts[0].document.text");
  ExpectNothingMore();
}

TEST_P(ModelFailsTest, PassesItsErrorWithTheFieldOfTheRequest) {
  Reach(GetParam());
  generate().End(rpc::MakeError(
      absl::StatusCode::kOutOfRange,
      {.reason = "CONTEXT_LENGTH_EXCEEDED", .field = "start.options.max_tokens", .retry_after = {}},
      "too long"));

  ASSERT_EQ(sink_->ends.size(), 1u);
  EXPECT_EQ(sink_->ends[0].code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends[0]).reason, "CONTEXT_LENGTH_EXCEEDED");
  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends[0]).field, "generation.max_tokens");
  ExpectNothingMore();
}

TEST_P(ModelFailsTest, IsUnavailableWithoutAWordOfTheTransport) {
  Reach(GetParam());
  generate().End(absl::UnavailableError("Socket closed at 10.0.0.1:8083"));

  ASSERT_EQ(sink_->ends.size(), 1u);
  EXPECT_EQ(sink_->ends[0].code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends[0]).reason, "VLM_UNAVAILABLE");
  EXPECT_TRUE(rpc::GetErrorDetails(sink_->ends[0]).retry_after.has_value());
  EXPECT_THAT(std::string(sink_->ends[0].message()), ::testing::Not(::testing::HasSubstr("10.0")));
  ExpectNothingMore();
}

INSTANTIATE_TEST_SUITE_P(EveryStage, ClientCancelsTest,
                         ::testing::Values(Stage::kModelAsked, Stage::kRenderOpened,
                                           Stage::kPlanned, Stage::kOffered, Stage::kStreaming,
                                           Stage::kGenerating));
INSTANTIATE_TEST_SUITE_P(WhileItIsRead, RendererFailsTest,
                         ::testing::Values(Stage::kRenderOpened, Stage::kPlanned,
                                           Stage::kStreaming));
INSTANTIATE_TEST_SUITE_P(OnceItIsAsked, ModelFailsTest,
                         ::testing::Values(Stage::kPlanned, Stage::kOffered, Stage::kStreaming,
                                           Stage::kGenerating));

using FlowProtocolTest = FlowFixture;

TEST_F(FlowProtocolTest, RendererEndingMidPageIsInternal) {
  Ask(DocumentRequest());
  render(0).Send(Plan(1));
  render(0).Send(Page());
  SendDecision(0, v1::PAGE_ANSWER_NEED);
  render(0).End(absl::OkStatus());

  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends.at(0)).reason, "RENDER_PROTOCOL");
}

TEST_F(FlowProtocolTest, RendererFailingWhileNotReadIsSeenWithTheNextPage) {
  Ask(DocumentRequest());
  render(0).Send(Plan(1));
  render(0).Send(Page());
  render(0).End(absl::UnavailableError("gone"));
  EXPECT_TRUE(sink_->ends.empty());
  SendDecision(0, v1::PAGE_ANSWER_NEED);

  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends.at(0)).reason, "RENDER_UNAVAILABLE");
}

TEST_F(FlowProtocolTest, StripBeforeItsPageIsInternal) {
  Ask(DocumentRequest());
  render(0).Send(Plan(1));
  render(0).Send(Strip());

  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends.at(0)).reason, "RENDER_PROTOCOL");
}

TEST_F(FlowProtocolTest, PageBeforeThePlanIsInternal) {
  Ask(DocumentRequest());
  render(0).Send(Page());

  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends.at(0)).reason, "RENDER_PROTOCOL");
}

TEST_F(FlowProtocolTest, DecisionWithoutAnOfferIsInternal) {
  Ask(DocumentRequest());
  render(0).Send(Plan(1));
  SendDecision(0, v1::PAGE_ANSWER_NEED);

  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends.at(0)).reason, "VLM_PROTOCOL");
}

TEST_F(FlowProtocolTest, ModelEndingWithoutFinishedIsInternal) {
  v1::AskRequest request;
  request.add_parts()->set_text("Hello?");
  Ask(request);
  SendTokens({{1, "a"}});
  generate().End(absl::OkStatus());

  EXPECT_EQ(sink_->ends.at(0).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends[0]).reason, "VLM_PROTOCOL");
}

TEST_F(FlowProtocolTest, ModelFinishingBeforeItHadThePagesIsInternal) {
  Ask(DocumentRequest());
  render(0).Send(Plan(1));
  FinishGenerate();

  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends.at(0)).reason, "VLM_PROTOCOL");
}

TEST_F(FlowProtocolTest, CancelledUpstreamIsUnavailableToAClientThatDidNotCancel) {
  Ask(DocumentRequest());
  render(0).End(absl::CancelledError());

  EXPECT_EQ(sink_->ends.at(0).code(), absl::StatusCode::kUnavailable);
}

TEST_F(FlowProtocolTest, ModelGivingUpAnAnswerNobodyReadIsAborted) {
  for (const bool is_slow : {false, true}) {
    sink_ = std::make_shared<RecordingAnswerSink>();
    v1::AskRequest request;
    request.add_parts()->set_text("Hello?");
    Ask(request);
    sink_->is_congested = is_slow;
    vlm_client_.calls.back()->Send(v1::GenerateResponse());
    sink_->is_congested = false;
    flow_->Resume();
    vlm_client_.calls.back()->End(absl::CancelledError());

    const absl::Status& end = sink_->ends.at(0);
    EXPECT_EQ(end.code(), is_slow ? absl::StatusCode::kAborted : absl::StatusCode::kUnavailable);
    EXPECT_EQ(rpc::GetErrorDetails(end).reason, is_slow ? "SLOW_READER" : "VLM_UNAVAILABLE");
  }
}

TEST_F(FlowProtocolTest, DeadlineOfAServiceStaysADeadline) {
  Ask(DocumentRequest());
  render(0).End(absl::DeadlineExceededError("Deadline Exceeded"));

  EXPECT_EQ(sink_->ends.at(0).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends[0]).reason, "DEADLINE_EXCEEDED");
}

TEST_F(FlowProtocolTest, RefusedPageNamesThePartItComesFrom) {
  Ask(DocumentRequest());
  render(0).Send(Plan(1));
  render(0).Send(Page());
  generate().End(rpc::InvalidArgument("PAGE_SIZE_UNSUPPORTED", "offer.page.width_px", "too wide"));
  ASSERT_EQ(sink_->ends.size(), 1u);
  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends[0]).field, "parts[0].document.text");
}

TEST_F(FlowProtocolTest, UnknownErrorOfALibraryIsInternal) {
  Ask(DocumentRequest());
  render(0).End(absl::UnknownError("Stream removed"));

  EXPECT_EQ(sink_->ends.at(0).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends[0]).reason, "RENDER_FAILED");
}

}  // namespace
}  // namespace glyph::gateway
