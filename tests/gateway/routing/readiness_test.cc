#include "gateway/routing/readiness.h"

#include <vector>

#include "gmock/gmock.h"
#include "tests/gateway/routing/scripted_clients.h"

namespace glyph::gateway {
namespace {

using ::testing::ElementsAre;

class ReadinessTest : public ::testing::Test {
 protected:
  void SetBoth() {
    readiness_.Set(Upstream::kRender, true);
    readiness_.Set(Upstream::kVlm, true);
  }
  void Pass(absl::Duration duration) { timer_.RunDue(now_ += duration); }

  absl::Time now_ = absl::UnixEpoch();
  ScriptedTimer timer_;
  Readiness readiness_{[this] { return now_; }, timer_, absl::Seconds(10)};
};

TEST_F(ReadinessTest, ServesOnceEveryServiceAnswered) {
  readiness_.Set(Upstream::kRender, true);
  readiness_.Set(Upstream::kVlm, false);
  EXPECT_FALSE(readiness_.serving());
  readiness_.Set(Upstream::kVlm, true);
  EXPECT_TRUE(readiness_.serving());
}

TEST_F(ReadinessTest, ServesWhileAServiceRestartsAndTellsWhenThatTakesTooLong) {
  for (const Upstream upstream : {Upstream::kRender, Upstream::kVlm}) {
    SetBoth();
    std::vector<bool> heard;
    readiness_.Observe([&heard](bool serving) { heard.push_back(serving); });
    readiness_.Set(upstream, false);
    EXPECT_FALSE(readiness_.ready(upstream));
    Pass(absl::Milliseconds(9'999));
    readiness_.Set(upstream, false);  // tried again, in vain
    EXPECT_TRUE(readiness_.serving());
    EXPECT_THAT(heard, ::testing::Each(true));
    Pass(absl::Milliseconds(1));
    EXPECT_FALSE(readiness_.serving());
    EXPECT_FALSE(heard.back());
    readiness_.Observe(nullptr);
  }
}

TEST_F(ReadinessTest, DoesNotServeOnceItDrains) {
  SetBoth();
  int num_heard = 0;
  readiness_.Observe([&num_heard](bool) { ++num_heard; });
  readiness_.Drain();
  SetBoth();
  EXPECT_FALSE(readiness_.serving());
  EXPECT_EQ(num_heard, 1);
}

TEST_F(ReadinessTest, EndsEveryWaitOnce) {
  std::vector<bool> ended;
  const auto wait = [&](absl::Duration limit) {
    readiness_.WhenReady(Upstream::kVlm, now_ + limit, [&](bool ready) { ended.push_back(ready); });
  };
  wait(absl::Seconds(1));
  wait(absl::Seconds(2));
  readiness_.Set(Upstream::kRender, true);
  EXPECT_TRUE(ended.empty());
  Pass(absl::Seconds(1));
  EXPECT_THAT(ended, ElementsAre(false));
  readiness_.Set(Upstream::kVlm, true);
  EXPECT_THAT(ended, ElementsAre(false, true));
  wait(absl::Seconds(1));
  EXPECT_THAT(ended, ElementsAre(false, true, true));
  Pass(absl::Seconds(5));
  EXPECT_EQ(ended.size(), 3u);
}

}  // namespace
}  // namespace glyph::gateway
