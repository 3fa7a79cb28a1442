#include "gateway/routing/request_gate.h"

#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "prometheus/registry.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

class RequestGateTest : public ::testing::Test {
 protected:
  prometheus::Registry registry_;
  GatewayMetrics metrics_{registry_};
};

TEST_F(RequestGateTest, RefusesTheRequestAboveTheLimitAndSaysWhenToRetry) {
  RequestGate gate(2, metrics_);
  const auto first = gate.Admit("a", nullptr);
  const auto second = gate.Admit("b", nullptr);
  const auto third = gate.Admit("c", nullptr);

  EXPECT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(third.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(rpc::GetErrorDetails(third.status()).reason, "GATEWAY_FULL");
  EXPECT_TRUE(rpc::GetErrorDetails(third.status()).retry_after.has_value());
}

TEST_F(RequestGateTest, GivesThePlaceBackWithTheTicket) {
  RequestGate gate(1, metrics_);
  { const auto ticket = gate.Admit("a", nullptr); }

  EXPECT_EQ(gate.num_in_flight(), 0);
  EXPECT_TRUE(gate.Admit("a", nullptr).ok());
}

TEST_F(RequestGateTest, KeepsThePlaceWhileTheTicketMoves) {
  RequestGate gate(1, metrics_);
  auto admitted = gate.Admit("a", nullptr);
  std::optional<RequestGate::Ticket> held;
  held.emplace(*std::move(admitted));

  EXPECT_EQ(gate.num_in_flight(), 1);
  EXPECT_EQ(held->request_id(), "a");
  held.reset();
  EXPECT_EQ(gate.num_in_flight(), 0);
}

TEST_F(RequestGateTest, ClosedRefusesNewRequestsAndSaysWhenToRetry) {
  RequestGate gate(2, metrics_);
  const auto before = gate.Admit("a", nullptr);
  gate.Close();
  const auto after = gate.Admit("b", nullptr);

  EXPECT_TRUE(before.ok());
  EXPECT_EQ(after.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(rpc::GetErrorDetails(after.status()).reason, "DRAINING");
  EXPECT_TRUE(rpc::GetErrorDetails(after.status()).retry_after.has_value());
}

TEST_F(RequestGateTest, RefusesAnIdThatRuns) {
  RequestGate gate(2, metrics_);
  const auto first = gate.Admit("a", nullptr);
  const auto second = gate.Admit("a", nullptr);

  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(rpc::GetErrorDetails(second.status()).field, "request_id");
}

TEST_F(RequestGateTest, MakesDifferentIdsForRequestsWithoutOne) {
  RequestGate gate(2, metrics_);
  const auto first = gate.Admit("", nullptr);
  const auto second = gate.Admit("", nullptr);

  EXPECT_FALSE(first->request_id().empty());
  EXPECT_NE(first->request_id(), second->request_id());
}

TEST_F(RequestGateTest, CountsForTheCallerWhatItLetsInOnly) {
  KeyMetrics key_metrics(registry_);
  const auto alice = std::make_shared<KeyAccount>(
      "alice", KeyLimits{.in_flight = 2, .requests_per_minute = 3}, [] { return SteadyTime(); },
      key_metrics);
  RequestGate gate(2, metrics_);
  const auto reason = [&gate, &alice](const std::string& id) {
    return rpc::GetErrorDetails(gate.Admit(id, alice).status()).reason;
  };
  {
    const auto first = gate.Admit("a", alice);
    EXPECT_EQ(first->caller(), alice);
    EXPECT_EQ(reason("a"), "REQUEST_ID_IN_USE");
    const auto second = gate.Admit("b", alice);
    EXPECT_EQ(reason("c"), "GATEWAY_FULL");
  }
  EXPECT_EQ(reason("a"), "");  // the third
  EXPECT_EQ(reason("a"), "KEY_QUOTA");
  EXPECT_EQ(gate.num_in_flight(), 0);
  EXPECT_TRUE(gate.Admit("a", nullptr).ok());
}

}  // namespace
}  // namespace glyph::gateway
