#include "vlm_service/scheduler/scheduler.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_prompt.h"

namespace glyph::vlm {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr PageGrid kGrid = {2, 5};  // 10 tokens

constexpr SchedulerLimits kLimits = {.num_blocks = 10,
                                     .block_tokens = 16,
                                     .num_slots = 3,
                                     .vision_tokens = 60,
                                     .context_tokens = 1000};

SequenceSpec Spec(int64_t id, int64_t prompt, int64_t output, int64_t visual = 0) {
  SequenceSpec spec;
  spec.id = SequenceId{id};
  spec.max_prompt_tokens = prompt;
  spec.max_output_tokens = output;
  spec.max_visual_tokens = visual;
  return spec;
}

std::vector<SequenceId> Ids(const std::vector<Admission>& admissions) {
  std::vector<SequenceId> ids;
  for (const Admission& admission : admissions) ids.push_back(admission.id);
  return ids;
}

// A sequence that has its prompt of `tokens` text tokens and is admitted.
void AddTextSequence(Scheduler& scheduler, int64_t id, int64_t tokens, int64_t output) {
  scheduler.Enqueue(Spec(id, tokens, output));
  scheduler.FinishPrompt(SequenceId{id},
                         FakePrompt({}, std::vector<int32_t>(static_cast<size_t>(tokens), 7)));
  ASSERT_THAT(Ids(scheduler.Admit()), ElementsAre(SequenceId{id}));
}

TEST(Scheduler, HasNothingToDoAtFirst) {
  Scheduler scheduler(kLimits, StepBudget{});
  EXPECT_TRUE(scheduler.Admit().empty());
  EXPECT_TRUE(scheduler.Plan().empty());
}

TEST(Scheduler, AdmitsInOrderOfArrivalWhileBlocksLast) {
  Scheduler scheduler(kLimits, StepBudget{});
  scheduler.Enqueue(Spec(1, 90, 6));  // 6 blocks
  scheduler.Enqueue(Spec(2, 90, 6));  // 6 blocks: must wait
  scheduler.Enqueue(Spec(3, 1, 1));   // would fit, but came later
  const auto admitted = scheduler.Admit();
  EXPECT_THAT(Ids(admitted), ElementsAre(SequenceId{1}));
  EXPECT_EQ(admitted[0].reserved_tokens, 96);
  scheduler.Finish(SequenceId{1});
  EXPECT_THAT(Ids(scheduler.Admit()), ElementsAre(SequenceId{2}, SequenceId{3}));
}

TEST(Scheduler, AdmitsAsManyAsThereAreSlots) {
  Scheduler scheduler(kLimits, StepBudget{});
  for (int64_t id = 1; id <= 4; ++id) scheduler.Enqueue(Spec(id, 1, 1));
  EXPECT_THAT(scheduler.Admit(), SizeIs(3));
  EXPECT_EQ(scheduler.num_waiting(), 1);
  EXPECT_EQ(scheduler.num_free_slots(), 0);
}

TEST(Scheduler, AdmitsWhileVisionRoomLasts) {
  Scheduler scheduler(kLimits, StepBudget{});
  scheduler.Enqueue(Spec(1, 40, 1, 40));
  scheduler.Enqueue(Spec(2, 30, 1, 21));
  EXPECT_THAT(Ids(scheduler.Admit()), ElementsAre(SequenceId{1}));
  scheduler.Finish(SequenceId{1});
  EXPECT_THAT(Ids(scheduler.Admit()), ElementsAre(SequenceId{2}));
}

TEST(Scheduler, EncodesAPageBeforeThePromptIsComplete) {
  Scheduler scheduler(kLimits, StepBudget{});
  scheduler.Enqueue(Spec(1, 30, 2, 20));
  ASSERT_THAT(scheduler.Admit(), SizeIs(1));
  scheduler.AddPage(SequenceId{1}, FakePage(1), kGrid);
  const StepPlan plan = scheduler.Plan();
  ASSERT_THAT(plan.vision, SizeIs(1));
  EXPECT_EQ(plan.vision[0].image->key[0], 1);
  EXPECT_THAT(plan.prefill, IsEmpty());
  const CommittedStep step = scheduler.Commit();
  ASSERT_THAT(step.encoded, SizeIs(1));
  EXPECT_EQ(step.encoded[0].sequence, SequenceId{1});
  EXPECT_EQ(step.encoded[0].index, 0);
  EXPECT_EQ(step.encoded[0].visual_tokens, 10);
  EXPECT_TRUE(scheduler.Plan().empty());
}

TEST(Scheduler, PrefillsInTheStepThatEncodesTheLastPage) {
  Scheduler scheduler(kLimits, StepBudget{});
  scheduler.Enqueue(Spec(1, 30, 2, 20));
  ASSERT_THAT(scheduler.Admit(), SizeIs(1));
  scheduler.AddPage(SequenceId{1}, FakePage(1), kGrid);
  scheduler.AddPage(SequenceId{1}, FakePage(2), kGrid);
  scheduler.FinishPrompt(SequenceId{1}, FakePrompt({kGrid, kGrid}, {5, 6}));
  const StepPlan plan = scheduler.Plan();
  ASSERT_THAT(plan.prefill, SizeIs(1));
  EXPECT_THAT(plan.prefill[0].pages, ElementsAre(plan.vision[0].page, plan.vision[1].page));
  EXPECT_EQ(plan.prefill[0].blocks.size(), 2u);
  const CommittedStep step = scheduler.Commit();
  EXPECT_THAT(step.rows, ElementsAre(SequenceId{1}));
  EXPECT_EQ(step.prefilled_tokens, 22);
}

TEST(Scheduler, ReleasesPagesInTheStepAfterThePrefill) {
  Scheduler scheduler(kLimits, StepBudget{});
  scheduler.Enqueue(Spec(1, 12, 2, 10));
  ASSERT_THAT(scheduler.Admit(), SizeIs(1));
  scheduler.AddPage(SequenceId{1}, FakePage(1), kGrid);
  scheduler.FinishPrompt(SequenceId{1}, FakePrompt({kGrid}, {5}));
  const PageId page = scheduler.Plan().vision[0].page;
  scheduler.Commit();
  EXPECT_EQ(scheduler.vision_tokens_reserved(), 0);
  EXPECT_THAT(scheduler.Plan().released_pages, ElementsAre(page));
}

TEST(Scheduler, DecodesWithGrowingLengthAndPosition) {
  Scheduler scheduler(kLimits, StepBudget{});
  AddTextSequence(scheduler, 1, 20, 3);
  const StepPlan first = scheduler.Plan();
  scheduler.Commit();
  const StepPlan second = scheduler.Plan();
  scheduler.Commit();
  const StepPlan third = scheduler.Plan();
  scheduler.Commit();
  EXPECT_THAT(first.prefill, SizeIs(1));
  EXPECT_THAT(first.decode, IsEmpty());
  ASSERT_THAT(second.decode, SizeIs(1));
  EXPECT_EQ(second.decode[0].slot, first.prefill[0].slot);
  EXPECT_EQ(second.decode[0].kv_length, 20);
  EXPECT_EQ(second.decode[0].position, 20);
  EXPECT_EQ(third.decode[0].kv_length, 21);
  EXPECT_EQ(third.decode[0].position, 21);
}

TEST(Scheduler, GivesBackWhatThePromptDoesNotNeed) {
  Scheduler scheduler(kLimits, StepBudget{});
  scheduler.Enqueue(Spec(1, 100, 12, 60));
  ASSERT_THAT(scheduler.Admit(), SizeIs(1));
  EXPECT_EQ(scheduler.num_used_blocks(), 7);
  scheduler.AddPage(SequenceId{1}, FakePage(1), kGrid);
  scheduler.FinishPrompt(SequenceId{1}, FakePrompt({kGrid}, {1, 2}));
  EXPECT_EQ(scheduler.num_used_blocks(), 2);  // 12 + 12 tokens
  EXPECT_EQ(scheduler.vision_tokens_reserved(), 10);
}

TEST(Scheduler, RunsOthersWhileASequenceWaitsForItsPages) {
  Scheduler scheduler(kLimits, StepBudget{});
  scheduler.Enqueue(Spec(1, 30, 2, 20));
  ASSERT_THAT(scheduler.Admit(), SizeIs(1));
  AddTextSequence(scheduler, 2, 4, 5);
  EXPECT_THAT(scheduler.Plan().prefill, SizeIs(1));
  EXPECT_THAT(scheduler.Commit().rows, ElementsAre(SequenceId{2}));
  EXPECT_THAT(scheduler.Plan().decode, SizeIs(1));
}

TEST(Scheduler, TakesOnePageAStepWhenTheBudgetIsSmall) {
  Scheduler scheduler(kLimits, StepBudget{.vision_tokens = 19, .prefill_tokens = 2048});
  scheduler.Enqueue(Spec(1, 30, 2, 20));
  ASSERT_THAT(scheduler.Admit(), SizeIs(1));
  scheduler.AddPage(SequenceId{1}, FakePage(1), kGrid);
  scheduler.AddPage(SequenceId{1}, FakePage(2), kGrid);
  EXPECT_THAT(scheduler.Plan().vision, SizeIs(1));
  scheduler.Commit();
  EXPECT_THAT(scheduler.Plan().vision, SizeIs(1));
}

TEST(Scheduler, TakesAPromptAboveTheBudgetAlone) {
  Scheduler scheduler(kLimits, StepBudget{.vision_tokens = 2048, .prefill_tokens = 10});
  AddTextSequence(scheduler, 1, 40, 1);
  AddTextSequence(scheduler, 2, 4, 1);
  EXPECT_THAT(scheduler.Plan().prefill, SizeIs(1));
  EXPECT_THAT(scheduler.Commit().rows, ElementsAre(SequenceId{1}));
}

TEST(Scheduler, ReleasesTheSlotOfAFinishedSequenceInTheNextPlan) {
  Scheduler scheduler(kLimits, StepBudget{});
  AddTextSequence(scheduler, 1, 20, 9);
  const SequenceSlot slot = scheduler.Plan().prefill[0].slot;
  scheduler.Commit();
  scheduler.Finish(SequenceId{1});
  EXPECT_EQ(scheduler.num_used_blocks(), 0);
  const StepPlan plan = scheduler.Plan();
  EXPECT_THAT(plan.released_slots, ElementsAre(slot));
  EXPECT_THAT(plan.decode, IsEmpty());
}

TEST(Scheduler, FinishesInEveryPhaseWithoutATrace) {
  Scheduler scheduler(kLimits, StepBudget{});
  scheduler.Enqueue(Spec(1, 150, 1, 10));
  scheduler.Enqueue(Spec(2, 150, 1));
  ASSERT_THAT(scheduler.Admit(), SizeIs(1));
  scheduler.AddPage(SequenceId{1}, FakePage(1), kGrid);
  scheduler.Finish(SequenceId{2});  // waiting
  const PageId page = scheduler.Plan().vision[0].page;
  scheduler.Commit();
  scheduler.Finish(SequenceId{1});  // receiving, page encoded, slot never named
  const StepPlan plan = scheduler.Plan();
  EXPECT_THAT(plan.released_pages, ElementsAre(page));
  EXPECT_THAT(plan.released_slots, IsEmpty());
  EXPECT_EQ(scheduler.num_waiting() + scheduler.num_admitted(), 0);
  EXPECT_EQ(scheduler.num_used_blocks(), 0);
  EXPECT_EQ(scheduler.vision_tokens_reserved(), 0);
  EXPECT_EQ(scheduler.num_free_slots(), 3);
}

TEST(SchedulerDeathTest, RefusesToDecodeBeyondTheOutputBound) {
  Scheduler scheduler(kLimits, StepBudget{});
  AddTextSequence(scheduler, 1, 20, 1);
  (void)scheduler.Plan();
  scheduler.Commit();
  EXPECT_DEATH((void)scheduler.Plan(), "broken invariant");
}

}  // namespace
}  // namespace glyph::vlm
