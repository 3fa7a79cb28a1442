// What the scheduler plans (step_planning.cc).

#include "tests/vlm_service/scheduler/scheduler_fixture.h"

namespace glyph::vlm {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using StepPlanningTest = SchedulerFixture;

using StepPlanningDeathTest = SchedulerFixture;

TEST_F(StepPlanningTest, PrefillsInChunksAndThenDecodes) {
  Restart({.max_chunk_tokens = 16});
  EnqueueText(1, 20, 3);
  const StepPlan first = Step(), second = Step(), third = Step(), fourth = Step();
  ASSERT_THAT(first.prefill, SizeIs(1));
  EXPECT_THAT(first.started_slots, SizeIs(1));
  EXPECT_THAT(first.table_edits, SizeIs(1));
  EXPECT_EQ(first.prefill[0].ids.size(), 16u);
  EXPECT_FALSE(first.prefill[0].samples);
  ASSERT_THAT(second.prefill, SizeIs(1));
  EXPECT_EQ(second.prefill[0].first, 16);
  EXPECT_EQ(second.prefill[0].ids.size(), 4u);
  EXPECT_TRUE(second.prefill[0].samples);
  EXPECT_THAT(third.prefill, IsEmpty());
  ASSERT_THAT(third.decode, SizeIs(1));
  EXPECT_EQ(third.decode[0].kv_length, 20);
  EXPECT_EQ(third.decode[0].position, 20);
  EXPECT_EQ(fourth.decode[0].kv_length, 21);
}

TEST_F(StepPlanningTest, PrefillsAPromptBeforeItsEndIsKnown) {
  scheduler_->Enqueue(Spec(1, 60, 2));
  ASSERT_THAT(Admitted(), SizeIs(1));
  FakePromptStream stream;
  scheduler_->OfferPage(Id(1), kPage.Name(), stream.Page(Words(20), kPage.grid));
  const StepPlan text = Step();
  ASSERT_THAT(text.prefill, SizeIs(1));
  EXPECT_EQ(text.prefill[0].ids.size(), 20u);
  EXPECT_FALSE(text.prefill[0].samples);
  ASSERT_THAT(scheduler_->TakeNotices().decisions, SizeIs(1));
  scheduler_->AddPage(Id(1), kPage.Image());
  const StepPlan page = Step();  // encoded and prefilled in one step
  ASSERT_THAT(page.vision, SizeIs(1));
  ASSERT_THAT(page.prefill, SizeIs(1));
  ASSERT_THAT(page.prefill[0].pages, SizeIs(1));
  EXPECT_EQ(page.prefill[0].pages[0].page, page.vision[0].page);
  EXPECT_EQ(page.prefill[0].pages[0].num_tokens, 10);
  EXPECT_THAT(scheduler_->TakeNotices().pages, SizeIs(1));
  EXPECT_TRUE(Step().empty());
  scheduler_->FinishPrompt(Id(1), stream.Text({5}));
  EXPECT_TRUE(Step().prefill[0].samples);
}

TEST_F(StepPlanningTest, RunsOthersWhileASequenceWaitsForItsClient) {
  scheduler_->Enqueue(Spec(1, 30, 2));
  EnqueueText(2, 4, 5);
  EXPECT_THAT(Step().prefill, SizeIs(1));
  EXPECT_THAT(Step().decode, SizeIs(1));
}

TEST_F(StepPlanningTest, BoundsWhatGoesIntoAStepBesideDecodeRows) {
  Restart({.decode_stretch = 1, .reuse_prefixes = false});
  EnqueueText(1, 4, 50);
  for (int i = 0; i < 20; ++i) Step();  // a row takes 1 ms, as the chunk of 4 tokens did
  EnqueueText(2, 64, 5);
  const StepPlan plan = Step();
  EXPECT_THAT(plan.decode, SizeIs(1));
  ASSERT_THAT(plan.prefill, SizeIs(1));
  EXPECT_GE(plan.prefill[0].ids.size(), 1u);
  EXPECT_LE(plan.prefill[0].ids.size(), 16u);
}

TEST_F(StepPlanningTest, AlwaysRunsSomethingOfAPrompt) {
  Restart({.idle_ms = 0, .decode_stretch = 0});
  EnqueueText(1, 40, 5);
  for (const int64_t first : {0, 4, 8}) EXPECT_EQ(Step().prefill.at(0).first, first);
  scheduler_->Enqueue(Spec(2, 40, 5));  // waits for its client, first in order
  EnqueueText(3, 20, 5);
  EXPECT_THAT(Step().prefill, SizeIs(1));
}

TEST_F(StepPlanningTest, SharesEqualPrefixes) {
  EnqueueText(1, 40, 5);
  Step();
  EnqueueText(2, 40, 5);
  const StepPlan plan = Step();
  ASSERT_THAT(plan.prefill, SizeIs(1));
  EXPECT_EQ(plan.prefill[0].first, 32);
  EXPECT_EQ(plan.prefill[0].reused_ids, Words(32));
  EXPECT_EQ(plan.prefill[0].ids.size(), 8u);
  EXPECT_EQ(scheduler_->Get(Id(2)).num_reused, 32);
  EXPECT_EQ(scheduler_->pool().num_used(), 4);  // two shared, one each
}

// Pages end inside blocks, and a client may offer the next one only after the last is ready.
TEST_F(StepPlanningTest, SharesADocumentAcrossTheEndsOfItsPages) {
  const std::vector<FakePage> pages = {kPage, kOther};
  EnqueueDocument(Spec(1, 60, 5), pages, Words(20));  // 42 tokens
  while (scheduler_->Get(Id(1)).phase == Sequence::Phase::kPrefill) Step();
  scheduler_->Finish(Id(1));
  scheduler_->Enqueue(Spec(2, 60, 5));
  FakePromptStream stream;
  for (const FakePage& page : pages) {
    scheduler_->OfferPage(Id(2), page.Name(), stream.Page({1}, page.grid));
    Step();
    scheduler_->TakeNotices();
    if (!scheduler_->Get(Id(2)).pages.back().held) scheduler_->AddPage(Id(2), page.Image());
    Step();
    EXPECT_TRUE(scheduler_->Get(Id(2)).pages.back().offer != SequencePage::Offer::kOpen);
  }
  scheduler_->TakeNotices();
  EXPECT_EQ(scheduler_->Get(Id(2)).num_announced_pages, scheduler_->Get(Id(2)).pages.size());
  scheduler_->FinishPrompt(Id(2), stream.Text(Words(20)));
  const StepPlan plan = Step();
  ASSERT_THAT(plan.prefill, SizeIs(1));
  EXPECT_EQ(plan.prefill[0].first, 32);
  EXPECT_EQ(scheduler_->Get(Id(2)).num_reused, 32);
}

TEST_F(StepPlanningTest, RunsTheLastTokenOfAPromptThatIsAllKnown) {
  EnqueueText(1, 32, 5);
  Step();
  EnqueueText(2, 32, 5);
  const StepPlan plan = Step();
  ASSERT_THAT(plan.prefill, SizeIs(1));
  EXPECT_EQ(plan.prefill[0].first, 16);
  EXPECT_TRUE(plan.prefill[0].samples);
}

TEST_F(StepPlanningTest, WaitsForABlockThatAnotherComputesInTheSameStep) {
  EnqueueText(1, 40, 5);
  EnqueueText(2, 40, 5);
  EXPECT_THAT(Step().prefill, SizeIs(1));
  const StepPlan plan = Step();
  ASSERT_THAT(plan.prefill, SizeIs(1));
  EXPECT_EQ(plan.prefill[0].first, 32);
}

TEST_F(StepPlanningTest, PreemptsTheYoungestOfTheLowestPriority) {
  Restart({.reuse_prefixes = false});
  for (int64_t id : {1, 2, 3}) {
    SequenceSpec spec = Spec(id, 32, 100);
    spec.priority = id == 1 ? 0 : 1;
    EnqueueText(std::move(spec), Words(32));
  }
  while (scheduler_->counts().preemptions == 0) Step();
  EXPECT_EQ(scheduler_->Get(Id(1)).phase, Sequence::Phase::kWaiting);
  while (scheduler_->counts().preemptions == 1) Step();
  EXPECT_EQ(scheduler_->Get(Id(3)).phase, Sequence::Phase::kWaiting);
  EXPECT_EQ(scheduler_->Get(Id(2)).phase, Sequence::Phase::kDecode);
}

TEST_F(StepPlanningTest, RecomputesAPreemptedSequenceWithItsOutputs) {
  Restart({.reuse_prefixes = false});
  EnqueueText(1, 64, 60);
  EnqueueText(2, 64, 60);
  while (scheduler_->counts().preemptions == 0) Step();
  const int64_t outputs = scheduler_->Get(Id(2)).num_outputs();
  ASSERT_GT(outputs, 0);
  scheduler_->Finish(Id(1));
  const StepPlan plan = Step();
  ASSERT_THAT(plan.prefill, SizeIs(1));
  EXPECT_EQ(plan.prefill[0].first, 0);
  EXPECT_EQ(plan.prefill[0].num_output_ids, outputs);
  EXPECT_EQ(static_cast<int64_t>(plan.prefill[0].ids.size()), 64 + outputs);
  EXPECT_TRUE(plan.prefill[0].samples);
  EXPECT_EQ(scheduler_->Get(Id(2)).num_outputs(), outputs + 1);
}

TEST_F(StepPlanningTest, EncodesThePagesOfAPreemptedSequenceAgain) {
  ExecutorLimits limits = kLimits;
  limits.max_vision_tokens = 24;
  Restart({.reuse_prefixes = false}, limits);
  EnqueueText(1, 64, 90);
  EnqueueDocument(Spec(2, 40, 60), {kPage}, Words(20));
  while (scheduler_->counts().preemptions == 0) Step();
  scheduler_->Finish(Id(1));
  SequenceSpec other = Spec(3, 40, 1);  // takes the page's room
  other.priority = 1;
  EnqueueDocument(std::move(other), {kOther, {3, {2, 5}}}, {1});
  EXPECT_EQ(scheduler_->counts().pages_encoded, 3);
  scheduler_->Finish(Id(3));
  const StepPlan plan = Step();
  EXPECT_THAT(plan.vision, SizeIs(1));
  ASSERT_THAT(plan.prefill, SizeIs(1));
  EXPECT_THAT(plan.prefill[0].pages, SizeIs(1));
  EXPECT_THAT(scheduler_->TakeNotices().pages, IsEmpty());  // it was told before
}

TEST_F(StepPlanningTest, TakesThePagesOfAPreemptedSequence) {
  ExecutorLimits limits = kLimits;
  limits.num_blocks = 32;  // 4 of the first, 27 of the second and one to grow
  Restart({.idle_ms = 0, .decode_stretch = 0, .reuse_prefixes = false}, limits);
  EnqueueText(1, 64, 90);
  while (scheduler_->Get(Id(1)).phase != Sequence::Phase::kDecode) Step();
  scheduler_->Enqueue(Spec(2, 420, 5));
  scheduler_->OfferPage(Id(2), kPage.Name(), FakePromptStream().Page(Words(400), kPage.grid));
  scheduler_->Admit();
  scheduler_->TakeNotices();
  scheduler_->AddPage(Id(2), kPage.Image());
  Step();
  EXPECT_EQ(scheduler_->vision().num_held_tokens(), 10);
  while (scheduler_->counts().preemptions == 0) Step();
  EXPECT_EQ(scheduler_->Get(Id(2)).phase, Sequence::Phase::kWaiting);
  EXPECT_EQ(scheduler_->vision().num_held_tokens(), 0);
}

TEST_F(StepPlanningTest, GivesAPageBackWhoseTokensAreFoundInTheCache) {
  for (int64_t id : {1, 2}) {  // a block each that is the same; then a page that has not come
    scheduler_->Enqueue(Spec(id, 60, 5));
    FakePromptStream stream;
    scheduler_->OfferPage(Id(id), kPage.Name(), stream.Page({1}, kPage.grid));
    scheduler_->OfferPage(Id(id), kOther.Name(), stream.Page(Words(5), kOther.grid));
    scheduler_->Admit();
    scheduler_->TakeNotices();
    scheduler_->AddPage(Id(id), kPage.Image());
  }
  Step();  // the second one waits for the block
  EXPECT_EQ(scheduler_->vision().num_held_tokens(), 10);
  EXPECT_TRUE(scheduler_->Plan().empty());
  EXPECT_EQ(scheduler_->Get(Id(2)).num_reused, 16);
  EXPECT_EQ(scheduler_->vision().num_held_tokens(), 0);
}

TEST_F(StepPlanningTest, BeginsTheOutputWithForcedIds) {
  SequenceSpec spec = Spec(1, 4, 5);
  spec.forced_output_ids = {50, 51};
  EnqueueText(std::move(spec), {1, 2, 3, 4});
  const StepPlan plan = Step();
  ASSERT_THAT(plan.prefill, SizeIs(1));
  EXPECT_THAT(plan.prefill[0].ids, ElementsAre(1, 2, 3, 4, 50, 51));
  EXPECT_EQ(plan.prefill[0].num_output_ids, 2);
  EXPECT_EQ(scheduler_->Get(Id(1)).num_outputs(), 3);
}

TEST_F(StepPlanningTest, CopiesASharedBlockBeforeWritingToIt) {
  SequenceSpec spec = Spec(1, 20, 5);
  spec.forks = {{Id(2), {}}, {Id(3), {}}};
  EnqueueText(std::move(spec), Words(20));
  Step();
  const StepPlan plan = Step();
  ASSERT_THAT(plan.block_copies, SizeIs(2));  // the last one writes to the block itself
  EXPECT_EQ(plan.block_copies[0].from, plan.block_copies[1].from);
  EXPECT_EQ(scheduler_->pool().num_used(), 4);  // the full block is shared
  EXPECT_THAT(Step().block_copies, IsEmpty());
}

TEST_F(StepPlanningTest, CopiesNothingWhenThePromptFillsItsBlocks) {
  SequenceSpec spec = Spec(1, 16, 5);
  spec.forks = {{Id(2), {}}};
  EnqueueText(std::move(spec), Words(16));
  Step();
  EXPECT_THAT(Step().block_copies, IsEmpty());
}

TEST_F(StepPlanningTest, ServesTheHigherPriorityFirst) {
  Restart({.idle_ms = 0});
  EnqueueText(1, 64, 5);
  SequenceSpec urgent = Spec(2, 60, 5);
  urgent.priority = 1;
  urgent.tenant = "other";
  EnqueueText(std::move(urgent), Words(60));
  const SequenceSlot slot = Step().prefill.at(0).slot;
  EXPECT_EQ(slot, scheduler_->Get(Id(2)).slot);
}

TEST_F(StepPlanningTest, ReleasesTheSlotOfAFinishedSequenceInTheNextPlan) {
  EnqueueText(1, 20, 9);
  const SequenceSlot slot = Step().prefill.at(0).slot;
  scheduler_->Finish(Id(1));
  EXPECT_EQ(scheduler_->pool().num_used(), 0);
  const StepPlan plan = scheduler_->Plan();
  EXPECT_THAT(plan.released_slots, ElementsAre(slot));
  EXPECT_THAT(plan.decode, IsEmpty());
}

TEST_F(StepPlanningDeathTest, RefusesToDecodeBeyondTheOutputBound) {
  EnqueueText(1, 20, 1);
  Step();
  EXPECT_DEATH((void)scheduler_->Plan(), "broken invariant");
}

}  // namespace
}  // namespace glyph::vlm
