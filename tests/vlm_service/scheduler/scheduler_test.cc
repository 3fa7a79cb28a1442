#include "vlm_service/scheduler/scheduler.h"

#include "tests/vlm_service/scheduler/scheduler_fixture.h"

namespace glyph::vlm {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using SchedulerTest = SchedulerFixture;

using SchedulerDeathTest = SchedulerFixture;

TEST_F(SchedulerTest, HasNothingToDoAtFirst) {
  EXPECT_THAT(Admitted(), IsEmpty());
  EXPECT_TRUE(scheduler_->Plan().empty());
  scheduler_->CheckIdle();
}

TEST_F(SchedulerTest, AdmitsInOrderOfArrivalWhileBlocksLast) {
  EnqueueText(1, 90, 6);  // 6 blocks
  EnqueueText(2, 90, 6);  // must wait
  EnqueueText(3, 1, 1);   // would fit, but came later
  EXPECT_THAT(Admitted(), ElementsAre(Id(1)));
  EXPECT_EQ(scheduler_->num_promised_blocks(), 6);
  scheduler_->Finish(Id(1));
  EXPECT_THAT(Admitted(), ElementsAre(Id(2), Id(3)));
}

TEST_F(SchedulerTest, AdmitsHigherPrioritiesFirst) {
  for (int64_t id : {1, 2, 3}) {
    SequenceSpec spec = Spec(id, 100, 1);
    spec.priority = id == 2 ? 5 : 0;
    EnqueueText(std::move(spec), Words(100));
  }
  EXPECT_THAT(Admitted(), ElementsAre(Id(2)));
}

TEST_F(SchedulerTest, AdmitsASequenceWithRoomForAllItsSamples) {
  EnqueueText(1, 1, 1);
  SequenceSpec spec = Spec(2, 1, 1);
  for (int64_t fork : {3, 4, 5}) spec.forks.push_back({Id(fork), {}});
  EnqueueText(std::move(spec), {1});
  EXPECT_THAT(Admitted(), ElementsAre(Id(1)));  // three slots are left
  scheduler_->Finish(Id(1));
  EXPECT_THAT(Admitted(), ElementsAre(Id(2)));
  EXPECT_EQ(scheduler_->num_free_slots(), 0);
}

TEST_F(SchedulerTest, KeepsABlockFreeForEverybodyWhoRuns) {
  EnqueueText(1, 80, 10);  // 5 blocks
  EnqueueText(2, 80, 10);  // 5 blocks are left, none for the first one's output
  EXPECT_THAT(Admitted(), ElementsAre(Id(1)));
}

TEST_F(SchedulerTest, GivesBackWhatThePromptDoesNotNeed) {
  scheduler_->Enqueue(Spec(1, 100, 12));
  ASSERT_THAT(Admitted(), SizeIs(1));
  EXPECT_EQ(scheduler_->num_promised_blocks(), 7);
  scheduler_->FinishPrompt(Id(1), FakeText(Words(20)));
  EXPECT_EQ(scheduler_->num_promised_blocks(), 2);
}

TEST_F(SchedulerTest, SharesNothingOfWhatIsPoisoned) {
  EnqueueDocument(Spec(1, 40, 5), {kPage}, Words(20));
  scheduler_->Poison(Id(1));
  scheduler_->Finish(Id(1));
  EXPECT_EQ(scheduler_->pool().num_cached(), 0);
  EXPECT_EQ(scheduler_->vision().num_pages(), 0);
  EXPECT_THAT(scheduler_->Plan().released_pages, SizeIs(1));
}

TEST_F(SchedulerTest, TellsThatASequenceIsAdmittedAgain) {
  Restart({.reuse_prefixes = false});
  EnqueueText(1, 64, 60);
  EnqueueText(2, 64, 60);
  while (scheduler_->counts().preemptions == 0) Step();
  scheduler_->TakeNotices();
  scheduler_->Finish(Id(1));
  scheduler_->Admit();
  const SchedulerNotices notices = scheduler_->TakeNotices();
  ASSERT_THAT(notices.admissions, SizeIs(1));
  EXPECT_TRUE(notices.admissions[0].again);
}

TEST_F(SchedulerTest, FinishesInEveryPhaseWithoutATrace) {
  scheduler_->Enqueue(Spec(1, 150, 1));
  scheduler_->Enqueue(Spec(2, 150, 1));
  ASSERT_THAT(Admitted(), SizeIs(1));
  FakePromptStream stream;
  scheduler_->OfferPage(Id(1), kPage.Name(), stream.Page({}, kPage.grid));
  scheduler_->OfferPage(Id(1), kOther.Name(), stream.Page({}, kOther.grid));
  scheduler_->TakeNotices();
  scheduler_->AddPage(Id(1), kPage.Image());
  scheduler_->Finish(Id(2));  // waiting
  Step();
  scheduler_->Finish(Id(1));  // one page encoded, one awaited
  EXPECT_THAT(scheduler_->Plan().released_slots, SizeIs(1));
  Commit({});
  scheduler_->CheckIdle();
  EXPECT_EQ(scheduler_->num_waiting() + scheduler_->num_admitted(), 0);
  EXPECT_EQ(scheduler_->num_free_slots(), 4);
}

TEST_F(SchedulerTest, FinishesWhateverIsOpenAfterAFailedStep) {
  EnqueueText(1, 20, 9);
  EnqueueText(2, 30, 9);
  scheduler_->Admit();
  (void)scheduler_->Plan();
  scheduler_->Abandon();
  scheduler_->Finish(Id(1));
  scheduler_->Finish(Id(2));
  scheduler_->CheckIdle();
}

TEST_F(SchedulerDeathTest, RefusesAPromptBeyondItsBound) {
  scheduler_->Enqueue(Spec(1, 20, 1));
  EXPECT_DEATH(scheduler_->FinishPrompt(Id(1), FakeText(Words(21))), "broken invariant");
}

TEST_F(SchedulerDeathTest, RefusesIdsOutOfOrder) {
  EnqueueText(2, 20, 1);
  EXPECT_DEATH(EnqueueText(1, 20, 1), "broken invariant");
}

}  // namespace
}  // namespace glyph::vlm
