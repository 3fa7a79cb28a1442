#include "tests/vlm_service/scheduler/scheduler_fixture.h"

namespace glyph::vlm {
namespace {

using testing::ElementsAre;

ExecutorLimits TwoInFlight(int32_t num_blocks = kLimits.num_blocks) {
  ExecutorLimits limits = kLimits;
  limits.num_blocks = num_blocks;
  limits.max_steps_in_flight = 2;
  return limits;
}

class RunAheadTest : public SchedulerFixture {
 protected:
  RunAheadTest() { Restart({}, TwoInFlight()); }

  // Two sequences decode, and their step is in flight.
  StepPlan DecodeTwo(int64_t first_outputs = 10) {
    EnqueueText(1, 15, first_outputs);
    EnqueueText(2, 5, 10);
    Step();
    scheduler_->TakeNotices();
    return scheduler_->Plan();
  }
};

TEST_F(RunAheadTest, GoesOnWhereTheStepInFlightWillEnd) {
  const StepPlan plan = DecodeTwo();
  ASSERT_EQ(plan.decode.size(), 2u);
  const StepPlan next = scheduler_->PlanAhead();
  ASSERT_EQ(next.decode.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(next.decode[i].slot, plan.decode[i].slot);
    EXPECT_EQ(next.decode[i].kv_length, plan.decode[i].kv_length + 1);
    EXPECT_EQ(next.decode[i].position, plan.decode[i].position + 1);
  }
  ASSERT_EQ(next.table_edits.size(), 1u);  // the first one's tokens 15 and 16 lie in two blocks
  EXPECT_EQ(next.table_edits[0].slot, plan.decode[0].slot);
  EXPECT_EQ(next.table_edits[0].index, 1);
  EXPECT_THAT(Commit(plan), ElementsAre(Id(1), Id(2)));
  EXPECT_THAT(Commit(next), ElementsAre(Id(1), Id(2)));
  EXPECT_EQ(scheduler_->Get(Id(1)).num_outputs(), 3);
  EXPECT_EQ(scheduler_->Plan().decode[0].kv_length, plan.decode[0].kv_length + 2);
}

TEST_F(RunAheadTest, FollowsAStepThatWasPlannedAheadItself) {
  const StepPlan plan = DecodeTwo();
  const StepPlan second = scheduler_->PlanAhead();
  EXPECT_TRUE(scheduler_->PlanAhead().empty());  // two are in flight
  Commit(plan);
  const StepPlan third = scheduler_->PlanAhead();
  ASSERT_EQ(third.decode.size(), 2u);
  EXPECT_EQ(third.decode[1].kv_length, second.decode[1].kv_length + 1);
}

TEST_F(RunAheadTest, LeavesOutWhoWillHaveAllOutput) {
  const StepPlan plan = DecodeTwo(/*first_outputs=*/2);
  const StepPlan next = scheduler_->PlanAhead();
  ASSERT_EQ(next.decode.size(), 1u);
  EXPECT_EQ(next.decode[0].slot, plan.decode[1].slot);
}

TEST_F(RunAheadTest, KeepsWhatARowInFlightUsesUntilItIsCommitted) {
  const StepPlan plan = DecodeTwo();
  const StepPlan next = scheduler_->PlanAhead();
  Commit(plan);
  const int32_t num_used = scheduler_->pool().num_used();
  const int32_t num_free_slots = scheduler_->num_free_slots();
  scheduler_->Finish(Id(1));
  EXPECT_EQ(scheduler_->pool().num_used(), num_used);
  EXPECT_EQ(scheduler_->num_free_slots(), num_free_slots);
  const StepPlan third = scheduler_->PlanAhead();
  ASSERT_EQ(third.decode.size(), 1u);
  EXPECT_TRUE(third.released_slots.empty());
  EXPECT_THAT(Commit(next), ElementsAre(Id(2)));
  EXPECT_LT(scheduler_->pool().num_used(), num_used);
  EXPECT_EQ(scheduler_->num_free_slots(), num_free_slots + 1);
  EXPECT_THAT(scheduler_->PlanAhead().released_slots, ElementsAre(plan.decode[0].slot));
}

TEST_F(RunAheadTest, WaitsForWhoeverIsPrefilled) {
  DecodeTwo();
  EnqueueText(3, 5, 10);
  EXPECT_TRUE(scheduler_->PlanAhead().empty());  // a slot is free: it may be admitted
}

TEST_F(RunAheadTest, DoesNotFollowAStepWithChunks) {
  EnqueueText(1, 5, 10);
  scheduler_->Admit();
  ASSERT_EQ(scheduler_->Plan().prefill.size(), 1u);
  EXPECT_TRUE(scheduler_->PlanAhead().empty());
}

TEST_F(RunAheadTest, WaitsForLogitsThatTheHostLooksAt) {
  SequenceSpec spec = Spec(1, 5, 10);
  spec.sampling.num_logprobs = 1;
  EnqueueText(std::move(spec), Words(5));
  Step();
  scheduler_->Plan();
  EXPECT_TRUE(scheduler_->PlanAhead().empty());
}

TEST_F(RunAheadTest, PreemptsNobody) {
  Restart({}, TwoInFlight(/*num_blocks=*/2));
  const StepPlan plan = DecodeTwo();
  EXPECT_TRUE(scheduler_->PlanAhead().empty());  // there is no third block
  Commit(plan);
  EXPECT_EQ(scheduler_->counts().preemptions, 0);
}

TEST_F(RunAheadTest, IsOffWhereOneStepIsTheLimit) {
  Restart({}, kLimits);
  DecodeTwo();
  EXPECT_TRUE(scheduler_->PlanAhead().empty());
}

TEST_F(RunAheadTest, AbandonsBothSteps) {
  DecodeTwo();
  ASSERT_FALSE(scheduler_->PlanAhead().empty());
  EXPECT_EQ(scheduler_->Abandon(), Id(2));
  EXPECT_EQ(scheduler_->num_in_flight(), 0);
  EXPECT_EQ(scheduler_->num_admitted(), 0);
  EXPECT_EQ(scheduler_->pool().num_used(), 0);
}

}  // namespace
}  // namespace glyph::vlm
