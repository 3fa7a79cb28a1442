#include "vlm_service/scheduler/fair_share.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

constexpr double kQuantum = 100;

SequenceId Id(int64_t id) { return SequenceId{id}; }

// Who goes first of those who want to.
SequenceId Next(const FairShare& shares, const std::vector<SequenceId>& wanting) {
  return *std::min_element(wanting.begin(), wanting.end(), [&](SequenceId a, SequenceId b) {
    return std::pair(shares.Rank(a), a) < std::pair(shares.Rank(b), b);
  });
}

// Gives `num_turns` turns of `cost` to whoever is next. Returns what each got.
std::map<SequenceId, double> Serve(FairShare& shares, const std::vector<SequenceId>& wanting,
                                   int num_turns, double cost) {
  std::map<SequenceId, double> served;
  for (int i = 0; i < num_turns; ++i) {
    const SequenceId next = Next(shares, wanting);
    shares.Charge(next, cost);
    served[next] += cost;
  }
  return served;
}

TEST(FairShare, TakesEqualOnesInOrderOfArrival) {
  FairShare shares(kQuantum);
  for (int64_t id : {1, 2, 3}) shares.Join(Id(id), "a");
  EXPECT_EQ(Next(shares, {Id(3), Id(2), Id(1)}), Id(1));
  shares.Charge(Id(1), kQuantum - 1);  // less than a quantum: it goes on
  EXPECT_EQ(Next(shares, {Id(3), Id(2), Id(1)}), Id(1));
  shares.Charge(Id(1), 1);
  EXPECT_EQ(Next(shares, {Id(3), Id(2), Id(1)}), Id(2));
}

TEST(FairShare, GivesSequencesOfATenantTheSame) {
  FairShare shares(kQuantum);
  for (int64_t id : {1, 2, 3}) shares.Join(Id(id), "a");
  const auto served = Serve(shares, {Id(1), Id(2), Id(3)}, 300, 10);
  for (int64_t id : {1, 2, 3}) EXPECT_NEAR(served.at(Id(id)), 1000, kQuantum);
}

TEST(FairShare, GivesTenantsTheSameHoweverManySequencesTheyBring) {
  FairShare shares(kQuantum);
  for (int64_t id : {1, 2, 3, 4}) shares.Join(Id(id), "many");
  shares.Join(Id(5), "one");
  const auto served = Serve(shares, {Id(1), Id(2), Id(3), Id(4), Id(5)}, 1000, 10);
  EXPECT_NEAR(served.at(Id(5)), 5000, kQuantum);
}

TEST(FairShare, PutsANewcomerLevelWithWhoIsServed) {
  FairShare shares(kQuantum);
  shares.Join(Id(1), "a");
  Serve(shares, {Id(1)}, 100, 10);
  shares.Join(Id(2), "a");
  const auto served = Serve(shares, {Id(1), Id(2)}, 100, 10);
  EXPECT_NEAR(served.at(Id(1)), 500, kQuantum);
  shares.Join(Id(3), "b");
  EXPECT_NEAR(Serve(shares, {Id(1), Id(3)}, 100, 10).at(Id(3)), 500, kQuantum);
}

// One that wants nothing must not let newcomers begin far behind the long one.
TEST(FairShare, LetsALongOneOnThoughNewcomersKeepComing) {
  FairShare shares(kQuantum);
  shares.Join(Id(1), "a");  // got little and wants no more
  shares.Charge(Id(1), 1);
  shares.Join(Id(2), "a");  // the long one
  Serve(shares, {Id(2)}, 100, 10);
  double served = 0;
  for (int64_t newcomer = 3; newcomer < 203; ++newcomer) {
    shares.Join(Id(newcomer), "a");
    served += Serve(shares, {Id(2), Id(newcomer)}, 1, 10)[Id(2)];
    shares.Leave(Id(newcomer));
  }
  EXPECT_GE(served, 500);  // of 2000, among three
}

TEST(FairShare, SavesNothingForWhoWantedNothing) {
  FairShare shares(kQuantum);
  shares.Join(Id(1), "idle");
  shares.Join(Id(2), "busy");
  Serve(shares, {Id(2)}, 1000, 10);
  const auto served = Serve(shares, {Id(1), Id(2)}, 200, 10);
  EXPECT_NEAR(served.at(Id(2)), 1000, kQuantum);
}

// Each comes with one request at a time, so that its sequences never got anything yet.
TEST(FairShare, LetsATenantOnThoughOtherTenantsKeepComing) {
  FairShare shares(kQuantum);
  shares.Join(Id(1), "old");
  Serve(shares, {Id(1)}, 100, 10);
  double served = 0;
  for (int64_t newcomer = 2; newcomer < 202; ++newcomer) {
    shares.Join(Id(newcomer), std::to_string(newcomer));
    served += Serve(shares, {Id(1), Id(newcomer)}, 1, 10)[Id(1)];
    shares.Leave(Id(newcomer));
  }
  EXPECT_GE(served, 900);  // of 2000
}

TEST(FairShare, ForgetsATenantWithItsLastSequence) {
  FairShare shares(kQuantum);
  shares.Join(Id(1), "a");
  shares.Charge(Id(1), 1000 * kQuantum);
  shares.Leave(Id(1));
  shares.Join(Id(2), "a");
  shares.Join(Id(3), "b");
  const auto served = Serve(shares, {Id(2), Id(3)}, 100, 10);
  EXPECT_NEAR(served.at(Id(2)), 500, kQuantum);
}

}  // namespace
}  // namespace glyph::vlm
