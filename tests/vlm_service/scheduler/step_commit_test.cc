// What the scheduler records of a step (step_commit.cc).

#include "tests/vlm_service/scheduler/scheduler_fixture.h"

namespace glyph::vlm {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

using StepCommitTest = SchedulerFixture;

TEST_F(StepCommitTest, SharesNothingBetweenTenants) {
  EnqueueText(1, 40, 5);
  Step();
  SequenceSpec spec = Spec(2, 40, 5);
  spec.tenant = "other";
  EnqueueText(std::move(spec), Words(40));
  EXPECT_EQ(Step().prefill.at(0).first, 0);
}

TEST_F(StepCommitTest, SharesAnAnswerWithTheNextTurn) {
  EnqueueText(1, 16, 17);
  for (int i = 0; i < 17; ++i) Step();
  scheduler_->Finish(Id(1));
  std::vector<int32_t> next_turn = Words(16);
  next_turn.insert(next_turn.end(), 20, 7);  // what the fake answered
  EnqueueText(Spec(2, 36, 1), next_turn);
  EXPECT_EQ(Step().prefill.at(0).first, 32);
}

TEST_F(StepCommitTest, GivesPagesBackWithTheChunkThatReadThem) {
  EnqueueDocument(Spec(1, 40, 5), {kPage}, {5});  // and begins to decode
  EXPECT_EQ(scheduler_->Get(Id(1)).phase, Sequence::Phase::kDecode);
  EXPECT_EQ(scheduler_->vision().num_held_tokens(), 0);
}

TEST_F(StepCommitTest, ForksSamplesThatShareThePrompt) {
  SequenceSpec spec = Spec(1, 20, 5);
  spec.forks = {{Id(2), {}}, {Id(3), {}}};
  EnqueueText(std::move(spec), Words(20));
  scheduler_->Admit();
  const StepPlan plan = scheduler_->Plan();
  EXPECT_THAT(plan.forks, SizeIs(2));
  EXPECT_THAT(Commit(plan), ElementsAre(Id(1), Id(2), Id(3)));
  EXPECT_EQ(scheduler_->pool().num_used(), 2);
  EXPECT_EQ(scheduler_->Get(Id(3)).num_outputs(), 1);
}

TEST_F(StepCommitTest, EncodesTheSamePageOfTwoSequencesOnce) {
  EnqueueDocument(Spec(1, 40, 5), {kPage}, {5});
  EnqueueDocument(Spec(2, 40, 5), {kPage}, {6});
  EXPECT_EQ(scheduler_->counts().pages_encoded, 1);
  EXPECT_EQ(scheduler_->counts().pages_reused, 1);
}

}  // namespace
}  // namespace glyph::vlm
