#include "gateway/routing/patient_vlm_client.h"

#include <optional>

#include "gtest/gtest.h"
#include "prometheus/registry.h"
#include "proto/rpc/error.h"
#include "tests/gateway/routing/scripted_clients.h"

namespace glyph::gateway {
namespace {

class PatientVlmClientTest : public ::testing::Test {
 protected:
  PatientVlmClientTest() { readiness_.Set(Upstream::kVlm, true); }
  void Pass(absl::Duration duration) { timer_.RunDue(now_ += duration); }
  void Ask() {
    client_->GetModel(absl::UnixEpoch() + absl::Minutes(1),
                      [this](absl::StatusOr<v1::Model> model) {
                        EXPECT_FALSE(answer_.has_value());
                        answer_ = std::move(model);
                      });
  }

  absl::Time now_ = absl::UnixEpoch();
  const Clock clock_ = [this] { return now_; };
  prometheus::Registry registry_;
  GatewayMetrics metrics_{registry_};
  ScriptedTimer timer_;
  Readiness readiness_{clock_, timer_, absl::ZeroDuration()};
  ScriptedVlmClient vlm_;
  std::optional<PatientVlmClient> client_{
      std::in_place, vlm_, Recovery{readiness_, timer_, metrics_, clock_, absl::Seconds(30)}};
  std::optional<absl::StatusOr<v1::Model>> answer_;
};

const absl::Status kAway = rpc::Unavailable("VLM_UNAVAILABLE", absl::Seconds(1), "away");

TEST_F(PatientVlmClientTest, AsksAgainWhenTheServiceIsBack) {
  Ask();
  readiness_.Set(Upstream::kVlm, false);
  vlm_.model_calls.at(0)(kAway);
  Pass(absl::Seconds(10));
  EXPECT_EQ(vlm_.model_calls.size(), 1u);
  readiness_.Set(Upstream::kVlm, true);
  ASSERT_EQ(vlm_.model_calls.size(), 2u);
  EXPECT_FALSE(answer_.has_value());
  vlm_.model_calls[1](v1::Model());
  EXPECT_TRUE(answer_->ok());
}

TEST_F(PatientVlmClientTest, GivesUpWithTheErrorOfTheService) {
  Ask();
  readiness_.Set(Upstream::kVlm, false);
  vlm_.model_calls.at(0)(kAway);
  Pass(absl::Seconds(29));
  EXPECT_FALSE(answer_.has_value());
  Pass(absl::Seconds(1));
  EXPECT_EQ(answer_->status(), kAway);
}

TEST_F(PatientVlmClientTest, PassesOtherErrors) {
  Ask();
  vlm_.model_calls.at(0)(absl::InternalError("broken"));
  EXPECT_EQ(answer_->status().code(), absl::StatusCode::kInternal);
}

TEST_F(PatientVlmClientTest, AnswersWhatOutlivesIt) {
  Ask();
  client_.reset();
  vlm_.model_calls.at(0)(kAway);
  EXPECT_EQ(answer_->status(), kAway);
}

}  // namespace
}  // namespace glyph::gateway
