#include "gateway/routing/estimation.h"

#include <optional>

#include "gateway/routing/request_gate.h"
#include "tests/gateway/routing/flow_fixture.h"

namespace glyph::gateway {
namespace {

class EstimationTest : public FlowFixture {
 protected:
  void Start() {
    RenderRelay::Job job{.request = {}, .request_id = "id", .call = UpstreamCall(deadline_)};
    job.request.mutable_document()->set_text("a long text");
    job.request.mutable_render()->set_profile("nano");
    estimation_ = std::make_unique<Estimation>(
        services_, gate_, std::move(job),
        [this](absl::StatusOr<v1::EstimateResponse> result) { result_ = std::move(result); });
    estimation_->Start();
    render(0).Send(Plan(2));
    render(0).Send(Done(0));
  }

  FlowServices services_ = Services();
  RequestGate gate_{1, metrics_};
  std::unique_ptr<Estimation> estimation_;
  std::optional<absl::StatusOr<v1::EstimateResponse>> result_;
};

TEST_F(EstimationTest, TellsPagesAndTokens) {
  Start();
  ASSERT_TRUE(result_.has_value());
  ASSERT_TRUE(result_->ok()) << result_->status();
  EXPECT_EQ((*result_)->pages(), 2u);
  EXPECT_EQ((*result_)->text_tokens(), 11u);  // of a tokenizer that counts bytes
}

TEST_F(EstimationTest, HoldsItsSeatUntilTokensAreCountedAndCanBeCancelledThen) {
  vlm_client_.holds_counts = true;
  Start();
  EXPECT_FALSE(result_.has_value());
  EXPECT_FALSE(gate_.Admit("another", nullptr).ok());
  estimation_->Cancel();
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(result_->status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(gate_.Admit("another", nullptr).ok());
  estimation_.reset();
  vlm_client_.held_counts.at(0)(1);  // nobody is there
}

}  // namespace
}  // namespace glyph::gateway
