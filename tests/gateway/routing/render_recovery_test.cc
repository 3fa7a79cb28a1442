#include "gtest/gtest.h"
#include "tests/gateway/routing/recovery_fixture.h"

// A flow whose renderer goes away and comes back.
namespace glyph::gateway {
namespace {

// How far a render comes before it breaks: events after the plan of (page, strip, strip, map)
// twice.
class RenderBreaksTest : public RecoveryFixture, public testing::WithParamInterface<size_t> {
 protected:
  static v1::RenderResponse Event(size_t index) {
    const size_t in_page = index % 4;
    v1::RenderResponse event = in_page == 0 ? Page() : in_page == 3 ? SourceMap() : Strip();
    if (in_page == 0) event.mutable_page()->set_page_key(std::string(32, index < 4 ? 'a' : 'b'));
    return event;
  }
  void SendEvents(ScriptedRender& call, size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      call.Send(Event(i));
      const auto page = static_cast<uint32_t>(i / 4);
      if (i % 4 == 0 && num_offered_ == page) {
        ++num_offered_;
        SendDecision(page, v1::PAGE_ANSWER_NEED);
      }
    }
  }
  uint32_t num_offered_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Everywhere, RenderBreaksTest, testing::Range(size_t{0}, size_t{9}));

TEST_P(RenderBreaksTest, GoesOnAtThePageItHadReached) {
  v1::AskRequest request = DocumentRequest();
  request.set_include_source_map(true);
  Ask(request);
  render(0).Send(Plan(2));
  SendEvents(render(0), 0, GetParam());
  render(0).End(kGone);
  Wait();
  ASSERT_EQ(render_client_.calls.size(), 2u);
  EXPECT_EQ(render(1).source, "a long text");
  EXPECT_EQ(render(1).start.SerializeAsString(), render(0).start.SerializeAsString());
  render(1).Send(Plan(2));
  SendEvents(render(1), 0, 8);
  EXPECT_EQ(render(1).num_reads, 10);  // each event and the one after
  render(1).Send(Done(2));
  SendTokens({{1, "a"}});
  FinishGenerate();

  EXPECT_TRUE(sink_->ends.at(0).ok()) << sink_->ends[0];
  EXPECT_EQ(vlm_client_.calls.size(), 1u);
  EXPECT_EQ(generate().writes.size(), 7u);  // start, (offer, strip, strip) twice
  EXPECT_EQ(Events(v1::AskResponse::kSourceMap).size(), 2u);
  EXPECT_EQ(Retries("render_service", "resume"), 1);
}

TEST_F(RenderBreaksTest, EndsWhenThePagesAreOthers) {
  Ask(DocumentRequest());
  render(0).Send(Plan(2));
  SendEvents(render(0), 0, 1);
  render(0).End(kGone);
  Wait();
  render(1).Send(Plan(2));
  render(1).Send(Event(4));
  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends.at(0)).reason, "RENDER_CHANGED");
}

TEST_F(RenderBreaksTest, EndsWhenThePlanIsAnother) {
  Ask(DocumentRequest());
  render(0).Send(Plan(2));
  render(0).End(kGone);
  Wait();
  render(1).Send(Plan(3));
  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends.at(0)).reason, "RENDER_CHANGED");
}

TEST_F(RenderBreaksTest, BeginsAnewWhenNotEvenThePlanCame) {
  Ask(DocumentRequest());
  render(0).End(rpc::Unavailable("DRAINING", absl::Seconds(1), "going"));
  Wait();
  render(1).Send(Plan(1));
  EXPECT_EQ(vlm_client_.calls.size(), 1u);
  EXPECT_EQ(Retries("render_service", "restart"), 1);
}

TEST_F(RenderBreaksTest, GivesUpWithItsPatience) {
  Ask(DocumentRequest());
  readiness_.Set(Upstream::kRender, false);
  render(0).End(kGone);
  Wait(absl::Seconds(29));
  EXPECT_TRUE(sink_->ends.empty());
  Wait(absl::Seconds(1));
  EXPECT_EQ(rpc::GetErrorDetails(sink_->ends.at(0)).reason, "RENDER_UNAVAILABLE");
}

}  // namespace
}  // namespace glyph::gateway
