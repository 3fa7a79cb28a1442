#include "gateway/keys/key_ring.h"

#include "gmock/gmock.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

base::Sha256Digest Hash(const std::string& key) { return base::Sha256().Update(key).Finish(); }

class KeyRingTest : public ::testing::Test {
 protected:
  KeyRingTest() { keys_.SetKeys({{"alice", Hash("a"), {}}, {"bob", Hash("b"), {}}}); }

  std::string ReasonOf(const std::vector<std::string_view>& authorization) {
    const absl::Status status = keys_.Authenticate(authorization).status();
    EXPECT_TRUE(status.ok() || absl::IsUnauthenticated(status)) << status;
    return rpc::GetErrorDetails(status).reason;
  }
  double Refusals(const std::string& key, const std::string& reason) {
    for (const prometheus::MetricFamily& family : registry_.Collect()) {
      if (family.name != "glyph_key_refusals_total") continue;
      for (const prometheus::ClientMetric& metric : family.metric) {
        if (metric.label[0].value == key && metric.label[1].value == reason) {
          return metric.counter.value;
        }
      }
    }
    return 0;
  }
  Caller Alice() { return *keys_.Authenticate({"Bearer a"}); }

  prometheus::Registry registry_;
  KeyMetrics metrics_{registry_};
  SteadyTime now_ = SteadyTime() + std::chrono::hours(1);
  KeyRing keys_{[this] { return now_; }, metrics_};
};

TEST_F(KeyRingTest, AsksNobodyBeforeItHasKeys) {
  KeyRing open([this] { return now_; }, metrics_);
  const auto caller = open.Authenticate({});
  ASSERT_TRUE(caller.ok());
  EXPECT_EQ(*caller, nullptr);
}

TEST_F(KeyRingTest, KnowsWhoseKeyCame) {
  EXPECT_EQ(Alice()->name(), "alice");
  EXPECT_EQ((*keys_.Authenticate({"bearer  b "}))->name(), "bob");
}

TEST_F(KeyRingTest, RefusesEverythingElseAndCountsIt) {
  for (const char* missing : {"", "Bearer", "Bearer ", "Basic a", "a", "Bearera"}) {
    EXPECT_EQ(ReasonOf({missing}), "KEY_MISSING") << missing;
  }
  EXPECT_EQ(ReasonOf({}), "KEY_MISSING");
  for (const std::string& unknown :
       {std::string("Bearer c"), std::string("Bearer aa"), std::string("Bearer A"),
        "Bearer " + std::string(10 << 10, 'a'), std::string("Bearer a\0", 9),
        "Bearer " + base::ToHex(Hash("a"))}) {
    EXPECT_EQ(ReasonOf({unknown}), "KEY_UNKNOWN") << unknown;
  }
  EXPECT_EQ(ReasonOf({"Bearer a", "Bearer a"}), "KEY_UNKNOWN");
  EXPECT_EQ(Refusals("", "missing"), 7);
  EXPECT_EQ(Refusals("", "unknown"), 7);
}

TEST_F(KeyRingTest, SaysTheSameOfEveryUnknownKey) {
  EXPECT_EQ(keys_.Authenticate({"Bearer c"}).status(), keys_.Authenticate({"Bearer aaa"}).status());
}

TEST_F(KeyRingTest, ComparesEveryByte) {
  const base::Sha256Digest a = Hash("a");
  EXPECT_TRUE(EqualInConstantTime(a, Hash("a")));
  for (size_t i = 0; i < a.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      base::Sha256Digest other = a;
      other[i] = static_cast<uint8_t>(other[i] ^ (1 << bit));
      EXPECT_FALSE(EqualInConstantTime(a, other)) << i;
    }
  }
}

TEST_F(KeyRingTest, BoundsTheRequestsInFlight) {
  keys_.SetKeys({{"alice", Hash("a"), {.in_flight = 2}}});
  auto first = Alice()->Begin();
  auto second = Alice()->Begin();
  const auto third = Alice()->Begin();
  EXPECT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(third.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(rpc::GetErrorDetails(third.status()).reason, "KEY_QUOTA");
  EXPECT_EQ(rpc::GetErrorDetails(third.status()).retry_after, absl::Seconds(1));
  EXPECT_EQ(Refusals("alice", "in_flight"), 1);
  first->reset();
  EXPECT_TRUE(Alice()->Begin().ok());
}

TEST_F(KeyRingTest, BoundsTheRequestsAMinute) {
  keys_.SetKeys({{"alice", Hash("a"), {.requests_per_minute = 3}}});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Alice()->Begin().ok()) << i;
  const absl::Status refused = Alice()->Begin().status();
  EXPECT_EQ(rpc::GetErrorDetails(refused).reason, "KEY_QUOTA");
  EXPECT_EQ(rpc::GetErrorDetails(refused).retry_after, absl::Seconds(20));
  EXPECT_EQ(Refusals("alice", "requests"), 1);
  now_ += std::chrono::seconds(20);
  EXPECT_TRUE(Alice()->Begin().ok());
  EXPECT_FALSE(Alice()->Begin().ok());
}

TEST_F(KeyRingTest, BoundsTheTokensAMinute) {
  keys_.SetKeys({{"alice", Hash("a"), {.tokens_per_minute = 600}}});
  Alice()->SpendTokens(599);
  EXPECT_TRUE(Alice()->Begin().ok());
  Alice()->SpendTokens(1);
  const absl::Status refused = Alice()->Begin().status();
  EXPECT_EQ(rpc::GetErrorDetails(refused).reason, "KEY_QUOTA");
  EXPECT_EQ(rpc::GetErrorDetails(refused).retry_after, absl::Milliseconds(100));
  EXPECT_EQ(Refusals("alice", "tokens"), 1);
  Alice()->SpendTokens(-1);  // it was less
  EXPECT_TRUE(Alice()->Begin().ok());
}

TEST_F(KeyRingTest, CountsNoRequestThatIsRefused) {
  keys_.SetKeys({{"alice", Hash("a"), {.in_flight = 1, .requests_per_minute = 2}}});
  {
    const auto running = Alice()->Begin();
    EXPECT_FALSE(Alice()->Begin().ok());
    EXPECT_FALSE(Alice()->Begin().ok());
  }
  EXPECT_TRUE(Alice()->Begin().ok());
}

TEST_F(KeyRingTest, KeepsWhatAKeyUsedWhenTheKeysChange) {
  keys_.SetKeys({{"alice", Hash("a"), {.in_flight = 1, .requests_per_minute = 2}}});
  const Caller before = Alice();
  auto running = before->Begin();
  keys_.SetKeys({{"alice", Hash("new"), {.in_flight = 1, .requests_per_minute = 2}}});
  EXPECT_EQ(ReasonOf({"Bearer a"}), "KEY_UNKNOWN");
  EXPECT_EQ(ReasonOf({"Bearer b"}), "KEY_UNKNOWN");
  const Caller after = *keys_.Authenticate({"Bearer new"});
  EXPECT_EQ(after, before);
  EXPECT_FALSE(after->Begin().ok());  // in flight
  running->reset();
  EXPECT_TRUE(after->Begin().ok());
  EXPECT_FALSE(after->Begin().ok());  // the third
}

TEST_F(KeyRingTest, LetsARequestEndAfterItsKeyWent) {
  keys_.SetKeys({{"alice", Hash("a"), {.in_flight = 1}}});
  auto running = Alice()->Begin();
  keys_.SetKeys({{"bob", Hash("b"), {}}});
  running->reset();
  keys_.SetKeys({{"alice", Hash("a"), {.in_flight = 1}}});
  EXPECT_TRUE(Alice()->Begin().ok());
}

}  // namespace
}  // namespace glyph::gateway
