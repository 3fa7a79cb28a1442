#include "vlm_service/scheduler/page_pipeline.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_prompt.h"

namespace glyph::vlm {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr ExecutorLimits kLimits = {.num_blocks = 100,
                                    .block_tokens = 8,
                                    .max_slots = 4,
                                    .max_vision_tokens = 100,
                                    .context_tokens = 1000,
                                    .vision_layers = 4};
constexpr PageGrid kGrid = {3, 10};   // 30 tokens
constexpr PageGrid kLarge = {5, 10};  // 50 tokens, half of the arena
constexpr double kLots = 1e9;         // ms

class PagePipelineTest : public testing::Test {
 protected:
  // A sequence that offers these pages and nothing else.
  static Sequence Document(const std::vector<FakePage>& pages) {
    SequenceSpec spec;
    spec.id = SequenceId{1};
    Sequence sequence(std::move(spec));
    FakePromptStream stream;
    for (const FakePage& page : pages) {
      sequence.AppendPrompt(stream.Page({7}, page.grid));
      sequence.pages.back().name = page.Name();
    }
    return sequence;
  }

  // What was decided now, for each page whether it is had.
  std::vector<bool> Decide(Sequence& sequence) {
    SchedulerNotices notices;
    pipeline_.Announce(sequence, notices, counts_);
    pipeline_.DecideOffers(sequence, notices);
    std::vector<bool> haves;
    for (const auto& decision : notices.decisions) haves.push_back(decision.have);
    return haves;
  }

  void Send(Sequence& sequence, int count) {
    for (int i = 0; i < count; ++i) {
      PagePipeline::AddImage(sequence, std::make_shared<PageImage>());
    }
  }

  // One step of this sequence alone.
  StepPlan Step(Sequence& sequence, double ms = kLots) {
    StepPlan plan;
    StepRoom room{.ms = ms};
    pipeline_.Plan(sequence, cost_, plan, room);
    pipeline_.Commit(counts_);
    return plan;
  }

  // The tokens before `end` are in the KV cache.
  void Prefill(Sequence& sequence, int64_t end) {
    sequence.num_computed = end;
    pipeline_.DropPassed(sequence);
  }

  // Another sequence has had these pages encoded and is gone.
  void Encode(const std::vector<FakePage>& pages) {
    for (const FakePage& page : pages) {
      Sequence other = Document({page});
      Decide(other);
      Send(other, 1);
      Step(other);
      pipeline_.DropAll(other, false);
    }
  }

  PagePipeline pipeline_{kLimits};
  StepCost cost_;
  SchedulerCounts counts_;
};

TEST_F(PagePipelineTest, AsksForTwoPagesAheadOfWhatIsReady) {
  Sequence document = Document({{1, kGrid}, {2, kGrid}, {3, kGrid}, {4, kGrid}});
  EXPECT_THAT(Decide(document), testing::ElementsAre(false, false));
  EXPECT_THAT(Decide(document), IsEmpty());
  Send(document, 1);
  EXPECT_THAT(Decide(document), IsEmpty());  // it came, but is not encoded
  Step(document);
  EXPECT_THAT(Decide(document), SizeIs(1));
}

TEST_F(PagePipelineTest, EncodesInTheOrderOfThePrompt) {
  Sequence document = Document({{1, kGrid}, {2, kGrid}});
  Decide(document);
  Send(document, 2);
  const StepPlan plan = Step(document);
  ASSERT_THAT(plan.vision, SizeIs(2));
  EXPECT_EQ(plan.vision[0].page, *document.pages[0].held);
  EXPECT_EQ(plan.vision[1].page, *document.pages[1].held);
  EXPECT_EQ(counts_.pages_encoded, 2);
}

TEST_F(PagePipelineTest, EncodesTwoPagesAheadOfWhatIsPrefilled) {
  Sequence document = Document({{1, {1, 10}}, {2, {1, 10}}, {3, {1, 10}}});
  Decide(document);
  Send(document, 2);
  Step(document);
  Decide(document);
  Send(document, 1);
  EXPECT_THAT(Step(document).vision, IsEmpty());
  Prefill(document, document.pages[0].end_token());
  EXPECT_THAT(Step(document).vision, SizeIs(1));
}

TEST_F(PagePipelineTest, CutsAPageByTheStepsTime) {
  cost_.vision = LinearCost({0, 0.1, 0});  // 30 tokens: 3 ms, a unit 0.75 ms
  Sequence document = Document({{1, kGrid}});
  Decide(document);
  Send(document, 1);
  StepPlan plan = Step(document, 1.6);
  ASSERT_THAT(plan.vision, SizeIs(1));
  EXPECT_EQ(plan.vision[0].num_units, 3);  // the embedding, free here, and two layers
  plan = Step(document, 0);                // one unit always goes
  ASSERT_THAT(plan.vision, SizeIs(1));
  EXPECT_EQ(plan.vision[0].first_unit, 3);
  EXPECT_EQ(plan.vision[0].num_units, 1);
  EXPECT_EQ(counts_.pages_encoded, 0);
  Step(document);
  EXPECT_EQ(counts_.pages_encoded, 1);
}

TEST_F(PagePipelineTest, AddsNothingToAFullStep) {
  Sequence document = Document({{1, kGrid}});
  Decide(document);
  Send(document, 1);
  StepPlan plan;
  plan.prefill.emplace_back();
  StepRoom room{.ms = 0};
  EXPECT_EQ(pipeline_.Plan(document, cost_, plan, room), 0);
  EXPECT_THAT(plan.vision, IsEmpty());
}

TEST_F(PagePipelineTest, PrefillsUpToTheFirstPageThatWillNotBeEncoded) {
  Sequence document = Document({{1, kGrid}, {2, kGrid}});
  EXPECT_EQ(pipeline_.PrefillEnd(document), 1);
  Decide(document);
  Send(document, 1);
  StepPlan plan;
  StepRoom room{.ms = kLots};
  pipeline_.Plan(document, cost_, plan, room);
  EXPECT_EQ(pipeline_.PrefillEnd(document), 32);  // in the step that encodes it
  pipeline_.Commit(counts_);
  EXPECT_EQ(pipeline_.PrefillEnd(document), 32);
}

TEST_F(PagePipelineTest, GivesAPageBackOnceItIsPrefilled) {
  Sequence document = Document({{1, kGrid}});
  Decide(document);
  Send(document, 1);
  Step(document);
  Prefill(document, document.pages[0].end_token() - 1);
  EXPECT_EQ(pipeline_.cache().num_held_tokens(), 30);
  Prefill(document, document.pages[0].end_token());
  EXPECT_EQ(pipeline_.cache().num_held_tokens(), 0);
}

TEST_F(PagePipelineTest, HasAPageThatIsKnown) {
  Encode({{1, kGrid}});
  Sequence document = Document({{1, kGrid}});
  EXPECT_THAT(Decide(document), testing::ElementsAre(true));
  EXPECT_EQ(pipeline_.num_have_tokens(), 30);
  SchedulerNotices notices;
  pipeline_.Announce(document, notices, counts_);
  EXPECT_THAT(notices.pages, SizeIs(1));
  EXPECT_EQ(counts_.pages_reused, 1);
  EXPECT_THAT(Step(document).vision, IsEmpty());
  Prefill(document, document.pages[0].end_token());
  EXPECT_EQ(pipeline_.cache().num_held_tokens(), 30);  // a preemption could need it again
  pipeline_.DropAll(document, true);
  EXPECT_EQ(pipeline_.cache().num_held_tokens(), 30);
  pipeline_.DropAll(document, false);
  EXPECT_EQ(pipeline_.cache().num_held_tokens(), 0);
  EXPECT_EQ(pipeline_.num_have_tokens(), 0);
}

TEST_F(PagePipelineTest, KeepsRoomForTheLargestPageBesideThoseItHas) {
  Encode({{1, kGrid}, {2, kGrid}});
  Sequence document = Document({{1, kGrid}, {2, kGrid}});
  EXPECT_THAT(Decide(document), testing::ElementsAre(true, false));
  Sequence other = Document({{3, kLarge}});
  Decide(other);
  Send(other, 1);
  EXPECT_THAT(Step(other).vision, SizeIs(1));
}

TEST_F(PagePipelineTest, HoldsNothingForAPageWhosePixelsHaveNotCome) {
  Sequence document = Document({{1, kGrid}});
  EXPECT_THAT(Decide(document), testing::ElementsAre(false));
  Encode({{1, kGrid}});  // others bring it meanwhile
  Step(document);
  EXPECT_EQ(pipeline_.cache().num_held_tokens(), 0);
  Send(document, 1);
  EXPECT_THAT(Step(document).vision, IsEmpty());  // it is encoded already
  EXPECT_EQ(pipeline_.cache().num_held_tokens(), 30);
}

TEST_F(PagePipelineTest, EncodesTheSamePageOnceForAll) {
  Sequence first = Document({{1, kGrid}, {1, kGrid}});
  Sequence second = Document({{1, kGrid}});
  Decide(first);
  Decide(second);
  Send(first, 2);
  Send(second, 1);
  StepPlan plan;
  StepRoom room{.ms = kLots};
  pipeline_.Plan(first, cost_, plan, room);
  pipeline_.Plan(second, cost_, plan, room);
  EXPECT_THAT(plan.vision, SizeIs(1));
  EXPECT_EQ(first.pages[1].held, first.pages[0].held);
  EXPECT_EQ(second.pages[0].held, first.pages[0].held);
}

TEST_F(PagePipelineTest, FinishesAPageThatAnotherSequenceBegan) {
  Sequence first = Document({{1, kGrid}});
  Decide(first);
  Send(first, 1);
  Step(first, 0);  // one unit
  Sequence second = Document({{1, kGrid}});
  EXPECT_THAT(Decide(second), testing::ElementsAre(true));
  pipeline_.DropAll(first, false);
  const StepPlan plan = Step(second);
  ASSERT_THAT(plan.vision, SizeIs(1));
  EXPECT_EQ(plan.vision[0].first_unit, 1);
  EXPECT_EQ(plan.vision[0].num_units, 4);
}

// Small pages come and go; the large one would never find room among them.
TEST_F(PagePipelineTest, GivesTheNextRoomToWhoWaitsForIt) {
  Sequence small = Document({{1, kGrid}, {2, kGrid}, {3, kGrid}});
  Decide(small);
  Send(small, 2);
  Step(small);
  Decide(small);
  Send(small, 1);
  Sequence large = Document({{4, kLarge}});
  Decide(large);
  Send(large, 1);
  Prefill(small, small.pages[0].end_token());
  const auto step = [&] {
    StepPlan plan;
    StepRoom room{.ms = kLots};
    pipeline_.Plan(large, cost_, plan, room);
    pipeline_.Plan(small, cost_, plan, room);
    pipeline_.Commit(counts_);
    return plan;
  };
  ASSERT_THAT(step().vision, SizeIs(1));  // 30 tokens are held: the large one fits
  EXPECT_TRUE(large.pages[0].held.has_value());
  EXPECT_FALSE(small.pages[2].held.has_value());
}

TEST_F(PagePipelineTest, LeavesRoomAloneThatSomebodyWaitsFor) {
  Sequence first = Document({{1, kGrid}, {2, kGrid}, {3, kGrid}});
  Decide(first);
  Send(first, 2);
  Step(first);
  Decide(first);
  Send(first, 1);
  Sequence large = Document({{4, kLarge}});
  Decide(large);
  Send(large, 1);
  StepPlan plan;
  StepRoom room{.ms = kLots};
  pipeline_.Plan(large, cost_, plan, room);  // 60 tokens are held
  EXPECT_FALSE(room.arena);
  Prefill(first, first.pages[0].end_token());
  pipeline_.Plan(first, cost_, plan, room);
  EXPECT_THAT(plan.vision, IsEmpty());
}

TEST_F(PagePipelineTest, LetsAForkHoldWhatItsParentHolds) {
  Encode({{1, kGrid}});
  Sequence document = Document({{1, kGrid}});
  Decide(document);
  Sequence fork = Document({{1, kGrid}});
  fork.pages = document.pages;
  pipeline_.HoldAgain(fork);
  EXPECT_EQ(pipeline_.num_have_tokens(), 60);
  SchedulerNotices notices;
  pipeline_.Announce(fork, notices, counts_);
  EXPECT_THAT(notices.pages, IsEmpty());  // its parent tells
  pipeline_.DropAll(document, false);
  EXPECT_EQ(pipeline_.cache().num_held_tokens(), 30);
  pipeline_.DropAll(fork, false);
  EXPECT_EQ(pipeline_.cache().num_held_tokens(), 0);
  EXPECT_EQ(pipeline_.num_have_tokens(), 0);
}

TEST(PagePipelineDeathTest, RefusesPixelsNobodyAskedFor) {
  SequenceSpec spec;
  Sequence sequence(std::move(spec));
  EXPECT_DEATH(PagePipeline::AddImage(sequence, std::make_shared<PageImage>()), "broken invariant");
}

}  // namespace
}  // namespace glyph::vlm
