#include "gateway/routing/document_flow.h"

#include "gmock/gmock.h"
#include "proto/rpc/error.h"
#include "tests/gateway/routing/flow_fixture.h"

namespace glyph::gateway {
namespace {

using DocumentFlowTest = FlowFixture;

TEST_F(DocumentFlowTest, AnswersFromADocumentPageByPage) {
  Ask(DocumentRequest());
  render(0).Send(Plan(2));
  for (uint32_t page = 0; page < 2; ++page) {
    render(0).Send(Page());
    SendDecision(page, v1::PAGE_ANSWER_NEED);
    render(0).Send(Strip());
  }
  render(0).Send(Done(2));
  SendTokens({{7, "Hel"}, {8, "lo"}});
  FinishGenerate();

  ASSERT_EQ(sink_->ends.size(), 1u);
  EXPECT_TRUE(sink_->ends[0].ok()) << sink_->ends[0];
  EXPECT_TRUE(sink_->events.front().has_plan());
  EXPECT_EQ(Events(v1::AskResponse::kPage).size(), 2u);
  const auto deltas = Events(v1::AskResponse::kDelta);
  ASSERT_EQ(deltas.size(), 1u);
  EXPECT_EQ(deltas[0].delta().text(), "Hello");
  EXPECT_TRUE(sink_->events.back().has_finished());
  ASSERT_EQ(generate().writes.size(), 5u);  // start, (offer, strip) twice
  EXPECT_EQ(generate().writes[3].offer().page().page_index(), 1u);
  EXPECT_EQ(generate().writes[4].strip().page_index(), 1u);
  EXPECT_TRUE(generate().half_closed);
}

TEST_F(DocumentFlowTest, PutsTextsAndPageBoundsIntoThePromptInOrder) {
  v1::AskRequest request;
  request.add_parts()->set_text("before");
  request.add_parts()->mutable_document()->set_text("text");
  request.add_parts()->mutable_image()->set_data("png");
  request.add_parts()->set_text("after");
  request.mutable_generation()->set_max_tokens(9);
  request.mutable_generation()->set_min_p(0.25f);
  request.mutable_generation()->add_logit_bias()->set_token_id(5);
  for (const uint32_t id : {3u, 4u}) request.add_forced_output_ids(id);
  Ask(request);
  render(0).Send(Plan(3));
  render(1).Send(Plan(1, 0));

  const v1::GenerateStart& start = generate().writes.at(0).start();
  ASSERT_EQ(start.parts_size(), 4);
  EXPECT_EQ(start.parts(0).text(), "before");
  EXPECT_EQ(start.parts(1).pages().max_pages(), 3u);
  EXPECT_EQ(start.parts(1).pages().max_visual_tokens(), 30u);
  EXPECT_EQ(start.parts(2).pages().max_pages(), 1u);
  EXPECT_EQ(start.parts(3).text(), "after");
  EXPECT_EQ(start.options().max_tokens(), 9u);
  EXPECT_EQ(start.options().min_p(), 0.25f);
  EXPECT_EQ(start.options().logit_bias(0).token_id(), 5u);
  EXPECT_THAT(start.forced_output_ids(), ::testing::ElementsAre(3, 4));
  EXPECT_EQ(start.request_id(), "id");
  const v1::AskPlan& plan = sink_->events.at(0).plan();
  EXPECT_EQ(plan.max_pages(), 4u);
  EXPECT_EQ(plan.max_visual_tokens(), 40u);
  EXPECT_EQ(plan.characters(), 100u);
}

TEST_F(DocumentFlowTest, GivesTheRendererTheModelsProfile) {
  Ask(DocumentRequest());

  EXPECT_EQ(render(0).start.options().profile_json(), "{\"profile\":1}");
  EXPECT_EQ(render(0).start.kind(), v1::SOURCE_KIND_TEXT);
  EXPECT_EQ(render(0).source, "a long text");
  EXPECT_EQ(render(0).deadline, deadline_);
}

TEST_F(DocumentFlowTest, NeedsNoModelAndNoRendererForATextAlone) {
  v1::AskRequest request;
  request.add_parts()->set_text("Hello?");
  Ask(request);

  EXPECT_TRUE(vlm_client_.model_calls.empty());
  EXPECT_TRUE(render_client_.calls.empty());
  EXPECT_TRUE(generate().half_closed);
  SendTokens({{1, "Hi"}});
  FinishGenerate();
  EXPECT_TRUE(sink_->ends.at(0).ok());
}

TEST_F(DocumentFlowTest, ReadsAnImageWithoutAProfile) {
  v1::AskRequest request;
  request.add_parts()->mutable_image()->set_data("png");
  Ask(request);

  EXPECT_TRUE(vlm_client_.model_calls.empty());
  EXPECT_EQ(render(0).start.kind(), v1::SOURCE_KIND_IMAGE);
  EXPECT_EQ(render(0).source, "png");
}

TEST_F(DocumentFlowTest, PassesTheModelsErrorWhenTheProfileCannotBeLearnt) {
  v1::AskRequest request = DocumentRequest();
  request.set_request_id("id");
  flow_ = DocumentFlow::Create(Services(), request, deadline_, sink_);
  flow_->Start();
  vlm_client_.model_calls.at(0)(rpc::Unavailable("LOADING", absl::Seconds(2), "loading"));

  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends.at(0)).reason, "LOADING");
  EXPECT_TRUE(render_client_.calls.empty());
}

TEST_F(DocumentFlowTest, WaitsForEveryPlanAndReadsLaterDocumentsNoFurther) {
  v1::AskRequest request = DocumentRequest();
  request.add_parts()->mutable_document()->set_text("second");
  Ask(request);
  render(1).Send(Plan(1));
  EXPECT_TRUE(vlm_client_.calls.empty());
  render(0).Send(Plan(1));

  ASSERT_EQ(vlm_client_.calls.size(), 1u);
  EXPECT_EQ(render(0).num_reads, 2);  // plan, first page
  EXPECT_EQ(render(1).num_reads, 1);  // plan

  render(0).Send(Page());
  SendDecision(0, v1::PAGE_ANSWER_NEED);
  render(0).Send(Strip());
  EXPECT_EQ(render(1).num_reads, 1);
  render(0).Send(Done(1));
  EXPECT_EQ(render(1).num_reads, 2);
  render(1).Send(Page());
  EXPECT_EQ(generate().writes.back().offer().page().page_index(), 1u);  // over the whole request
  EXPECT_EQ(generate().writes.back().offer().part_index(), 2u);
}

TEST_F(DocumentFlowTest, ReadsTheNextPageOnlyWhenTheModelTookTheLast) {
  Ask(DocumentRequest());
  render(0).Send(Plan(2));
  render(0).Send(Page());
  const int reads_at_offer = render(0).num_reads;
  SendDecision(0, v1::PAGE_ANSWER_NEED);

  EXPECT_EQ(reads_at_offer, 2);  // plan, page; nothing before the decision
  EXPECT_EQ(render(0).num_reads, 3);
}

TEST_F(DocumentFlowTest, ReadsTheNextStripOnlyWhenTheLastIsOnItsWay) {
  Ask(DocumentRequest());
  render(0).Send(Plan(1));
  render(0).Send(Page());
  SendDecision(0, v1::PAGE_ANSWER_NEED);
  generate().hold_writes = true;
  render(0).Send(Strip());
  const int reads_while_writing = render(0).num_reads;
  generate().LetWriteThrough();

  EXPECT_EQ(reads_while_writing, 3);  // plan, page, first strip
  EXPECT_EQ(render(0).num_reads, 4);
}

TEST_F(DocumentFlowTest, SendsNoPixelsOfAPageTheModelHas) {
  Ask(DocumentRequest());
  render(0).Send(Plan(1));
  render(0).Send(Page());
  SendDecision(0, v1::PAGE_ANSWER_HAVE);
  render(0).Send(Strip());
  render(0).Send(Done(1));

  EXPECT_EQ(generate().writes.size(), 2u);  // start, offer
  EXPECT_TRUE(generate().half_closed);
}

TEST_F(DocumentFlowTest, SendsPagesAndSourceMapsToClientsThatAsk) {
  v1::AskRequest request = DocumentRequest();
  request.set_include_pages(true);
  request.set_include_source_map(true);
  Ask(request);
  render(0).Send(Plan(1));
  render(0).Send(Page());
  SendDecision(0, v1::PAGE_ANSWER_NEED);
  render(0).Send(Strip());
  render(0).Send(SourceMap());

  EXPECT_EQ(Events(v1::AskResponse::kStrip).size(), 1u);
  EXPECT_EQ(Events(v1::AskResponse::kSourceMap).size(), 1u);
}

TEST_F(DocumentFlowTest, KeepsPagesAndSourceMapsFromClientsThatDoNot) {
  Ask(DocumentRequest());
  render(0).Send(Plan(1));
  render(0).Send(Page());
  SendDecision(0, v1::PAGE_ANSWER_NEED);
  render(0).Send(Strip());
  render(0).Send(SourceMap());

  EXPECT_TRUE(Events(v1::AskResponse::kStrip).empty());
  EXPECT_TRUE(Events(v1::AskResponse::kSourceMap).empty());
}

TEST_F(DocumentFlowTest, StopsReadingBothServicesForASlowReader) {
  Ask(DocumentRequest());
  render(0).Send(Plan(1));
  render(0).Send(Page());
  sink_->is_congested = true;
  SendDecision(0, v1::PAGE_ANSWER_NEED);
  const int render_reads = render(0).num_reads;
  const int generate_reads = generate().num_reads;
  sink_->is_congested = false;
  flow_->Resume();

  EXPECT_EQ(render_reads, 2);
  EXPECT_EQ(generate_reads, 1);
  EXPECT_EQ(render(0).num_reads, 3);
  EXPECT_EQ(generate().num_reads, 2);
}

TEST_F(DocumentFlowTest, RefusesDocumentsThatArePlannedWithoutAPage) {
  Ask(DocumentRequest());
  render(0).Send(Plan(0));

  EXPECT_EQ(sink_->ends.at(0).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends[0]).reason, "EMPTY_DOCUMENT");
  EXPECT_TRUE(vlm_client_.calls.empty());
  EXPECT_TRUE(sink_->events.empty());
}

TEST_F(DocumentFlowTest, RefusesDocumentsThatTurnOutBlank) {
  Ask(DocumentRequest());
  render(0).Send(Plan(1));
  render(0).Send(Done(0));

  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends.at(0)).reason, "EMPTY_DOCUMENT");
  EXPECT_FALSE(generate().half_closed);
  EXPECT_TRUE(generate().cancelled);
}

TEST_F(DocumentFlowTest, WarnsWhenOneOfSeveralDocumentsIsBlank) {
  v1::AskRequest request = DocumentRequest();
  request.add_parts()->mutable_document()->set_text(" ");
  Ask(request);
  render(0).Send(Plan(1));
  render(1).Send(Plan(0, 1));
  render(0).Send(Page());
  SendDecision(0, v1::PAGE_ANSWER_NEED);
  render(0).Send(Strip());
  render(0).Send(Done(1));
  render(1).Send(Done(0));
  FinishGenerate();

  EXPECT_EQ(generate().writes[0].start().parts_size(), 2);  // pages, question
  ASSERT_TRUE(sink_->events.back().has_finished());
  EXPECT_THAT(sink_->events.back().finished().warnings(), ::testing::ElementsAre("EMPTY_DOCUMENT"));
}

TEST_F(DocumentFlowTest, NamesWhatWasOddInTheDocument) {
  Ask(DocumentRequest());
  render(0).Send(Plan(1));
  render(0).Send(Page());
  SendDecision(0, v1::PAGE_ANSWER_NEED);
  v1::RenderResponse done = Done(1);
  done.mutable_done()->mutable_diagnostics()->set_missing_glyphs(2);
  done.mutable_done()->mutable_diagnostics()->set_replaced_bytes(1);
  done.mutable_done()->mutable_diagnostics()->set_control_characters(1);
  render(0).Send(Strip());
  render(0).Send(done);
  FinishGenerate();

  EXPECT_THAT(sink_->events.back().finished().warnings(),
              ::testing::ElementsAre("CONTROL_CHARACTERS", "MISSING_GLYPHS", "REPLACED_BYTES"));
}

TEST_F(DocumentFlowTest, BoundsThePagesOfARequest) {
  for (const uint32_t pages : {255u, 256u, 257u}) {
    sink_ = std::make_shared<RecordingAnswerSink>();
    Ask(DocumentRequest());
    render_client_.calls.back()->Send(Plan(pages));
    if (pages <= 256) {
      EXPECT_TRUE(sink_->ends.empty()) << pages;
      flow_->Cancel();
    } else {
      EXPECT_EQ(rpc::GetErrorDetails(sink_->ends.at(0)).reason, "TOO_MANY_PAGES") << pages;
    }
  }
}

TEST_F(DocumentFlowTest, ReportsUsageAndTimes) {
  Ask(DocumentRequest());
  render(0).Send(Plan(1));
  render(0).Send(Page());
  SendDecision(0, v1::PAGE_ANSWER_NEED);
  render(0).Send(Strip());
  render(0).Send(Done(1));
  now_ += absl::Milliseconds(40);
  SendTokens({{1, "a"}});
  now_ += absl::Milliseconds(10);
  v1::GenerateResponse finished;
  finished.mutable_finished()->set_prompt_tokens(30);
  finished.mutable_finished()->set_visual_tokens(20);
  finished.mutable_finished()->set_output_tokens(2);
  finished.mutable_finished()->set_cached_tokens(16);
  finished.mutable_finished()->set_queue_ms(1);
  finished.mutable_finished()->set_profile_mismatch(true);
  finished.mutable_finished()->set_tail_text("z");
  generate().Send(finished);
  generate().End(absl::OkStatus());

  const v1::AskFinished& last = sink_->events.back().finished();
  const v1::Usage& usage = last.usage();
  EXPECT_EQ(usage.characters(), 100u);
  EXPECT_EQ(usage.pages(), 1u);
  EXPECT_EQ(usage.visual_tokens(), 20u);
  EXPECT_EQ(usage.prompt_tokens(), 30u);
  EXPECT_EQ(usage.output_tokens(), 2u);
  EXPECT_EQ(usage.cached_tokens(), 16u);
  EXPECT_DOUBLE_EQ(usage.render_ms(), 2.5);
  EXPECT_DOUBLE_EQ(usage.queue_ms(), 1);
  EXPECT_DOUBLE_EQ(usage.first_token_ms(), 40);
  EXPECT_DOUBLE_EQ(usage.total_ms(), 50);
  EXPECT_THAT(last.warnings(), ::testing::ElementsAre("PROFILE_MISMATCH"));
  EXPECT_EQ(sink_->events[sink_->events.size() - 2].delta().text(), "z");
}

TEST_F(DocumentFlowTest, TellsSamplesApart) {
  v1::AskRequest request;
  request.add_parts()->set_text("Hello?");
  request.mutable_generation()->set_n(2);
  Ask(request);
  v1::GenerateResponse response;
  const auto add = [&response](uint32_t sample, uint32_t id, const std::string& text) {
    v1::Token& token = *response.mutable_tokens()->add_tokens();
    token.set_sample(sample);
    token.set_id(id);
    token.set_text(text);
  };
  add(0, 1, "a");
  add(1, 2, "");
  generate().Send(response);
  response.Clear();
  add(1, 3, "b");
  add(0, 4, "");
  generate().Send(response);
  for (const uint32_t sample : {1u, 0u}) {
    v1::GenerateResponse ended;
    ended.mutable_sample_finished()->set_sample(sample);
    ended.mutable_sample_finished()->set_reason(v1::FINISH_REASON_LENGTH);
    ended.mutable_sample_finished()->set_output_tokens(2 + sample);
    if (sample == 0) ended.mutable_sample_finished()->set_tail_text("z");
    generate().Send(ended);
  }
  FinishGenerate();

  const auto deltas = Events(v1::AskResponse::kDelta);
  ASSERT_EQ(deltas.size(), 3u);
  EXPECT_EQ(deltas[0].delta().text(), "a");
  EXPECT_EQ(deltas[0].delta().sample(), 0u);
  EXPECT_EQ(deltas[1].delta().text(), "b");
  EXPECT_EQ(deltas[1].delta().sample(), 1u);
  EXPECT_THAT(deltas[1].delta().token_ids(), ::testing::ElementsAre(2, 3));
  EXPECT_EQ(deltas[2].delta().text(), "z");
  EXPECT_EQ(deltas[2].delta().sample(), 0u);
  EXPECT_THAT(deltas[2].delta().token_ids(), ::testing::ElementsAre(4));
  const v1::AskFinished& finished = sink_->events.back().finished();
  ASSERT_EQ(finished.samples_size(), 2);
  EXPECT_EQ(finished.samples(0).reason(), v1::FINISH_REASON_LENGTH);
  EXPECT_EQ(finished.samples(0).output_tokens(), 2u);
  EXPECT_EQ(finished.samples(1).output_tokens(), 3u);
}

TEST_F(DocumentFlowTest, SendsALogprobForEveryTokenId) {
  v1::AskRequest request;
  request.add_parts()->set_text("Hello?");
  request.mutable_generation()->set_logprobs(1);
  Ask(request);
  v1::GenerateResponse response;
  for (const uint32_t id : {1u, 2u}) {
    v1::Token& token = *response.mutable_tokens()->add_tokens();
    token.set_id(id);
    token.set_text(id == 2 ? "ab" : "");
    token.set_logprob(-0.5f * static_cast<float>(id));
    token.add_top_logprobs()->set_token_id(id + 10);
  }
  generate().Send(response);
  FinishGenerate();

  const auto deltas = Events(v1::AskResponse::kDelta);
  ASSERT_EQ(deltas.size(), 1u);
  const v1::AskDelta& delta = deltas[0].delta();
  EXPECT_THAT(delta.token_ids(), ::testing::ElementsAre(1, 2));
  ASSERT_EQ(delta.logprobs_size(), 2);
  EXPECT_EQ(delta.logprobs(0).logprob(), -0.5f);
  EXPECT_EQ(delta.logprobs(1).logprob(), -1.0f);
  EXPECT_EQ(delta.logprobs(1).top_logprobs(0).token_id(), 12u);
  EXPECT_EQ(sink_->events.back().finished().samples_size(), 0);
}

TEST_F(DocumentFlowTest, KeepsIdsOfTokensWithoutTextForTheNextDelta) {
  v1::AskRequest request;
  request.add_parts()->set_text("Hello?");
  Ask(request);
  SendTokens({{1, ""}});
  SendTokens({{2, ""}, {3, "\xC3\xA4"}});
  FinishGenerate();

  const auto deltas = Events(v1::AskResponse::kDelta);
  ASSERT_EQ(deltas.size(), 1u);
  EXPECT_EQ(deltas[0].delta().text(), "\xC3\xA4");
  EXPECT_THAT(deltas[0].delta().token_ids(), ::testing::ElementsAre(1, 2, 3));
}

// Tokens 1 and 2 and the stop token, however they are gathered, the last text held back or not.
struct StopTokenCase {
  std::vector<std::vector<std::pair<uint32_t, std::string>>> messages;
  std::string tail;
};
class StopTokenTest : public FlowFixture, public testing::WithParamInterface<StopTokenCase> {};

INSTANTIATE_TEST_SUITE_P(EveryWay, StopTokenTest,
                         testing::Values(StopTokenCase{{{{1, "a"}, {2, "b"}}, {{9, ""}}}, ""},
                                         StopTokenCase{{{{1, "a"}, {2, "b"}, {9, ""}}}, ""},
                                         StopTokenCase{{{{1, "a"}}, {{2, ""}, {9, ""}}}, "b"},
                                         StopTokenCase{{{{1, "a"}, {2, ""}}, {{9, ""}}}, "b"}));

TEST_P(StopTokenTest, IsNotSent) {
  v1::AskRequest request;
  request.add_parts()->set_text("Hello?");
  Ask(request);
  for (const auto& tokens : GetParam().messages) SendTokens(tokens);
  v1::GenerateResponse finished;
  finished.mutable_finished()->set_reason(v1::FINISH_REASON_STOP);
  finished.mutable_finished()->set_tail_text(GetParam().tail);
  generate().Send(finished);
  generate().End(absl::OkStatus());

  std::string text;
  std::vector<uint32_t> ids;
  for (const auto& event : Events(v1::AskResponse::kDelta)) {
    text += event.delta().text();
    ids.insert(ids.end(), event.delta().token_ids().begin(), event.delta().token_ids().end());
  }
  EXPECT_EQ(text, "ab");
  EXPECT_THAT(ids, testing::ElementsAre(1, 2));
}

TEST_F(DocumentFlowTest, ChargesTheCallerAndKeepsItsCachesApart) {
  KeyMetrics key_metrics(registry_);
  const auto alice = std::make_shared<KeyAccount>(
      "alice", KeyLimits{.tokens_per_minute = 100}, [] { return SteadyTime(); }, key_metrics);
  v1::AskRequest request;
  request.add_parts()->set_text("Why?");
  request.set_request_id("id");
  flow_ = DocumentFlow::Create(Services(), request, UpstreamCall(deadline_, "", alice), sink_);
  flow_->Start();
  EXPECT_EQ(generate().writes.at(0).start().tenant_salt(), "alice");

  v1::GenerateResponse response;
  response.mutable_admitted()->set_reserved_tokens(98);
  generate().Send(response);
  EXPECT_TRUE(alice->Begin().ok());  // 2 left
  SendTokens({{1, "a"}});
  EXPECT_TRUE(alice->Begin().ok());  // 1 left
  SendTokens({{2, "b"}});
  EXPECT_FALSE(alice->Begin().ok());
  response.mutable_finished()->set_prompt_tokens(96);
  response.mutable_finished()->set_output_tokens(3);
  generate().Send(response);
  EXPECT_TRUE(alice->Begin().ok());  // the bound was 2 more than the prompt: 1 left
  alice->SpendTokens(1);
  EXPECT_FALSE(alice->Begin().ok());
}

}  // namespace
}  // namespace glyph::gateway
