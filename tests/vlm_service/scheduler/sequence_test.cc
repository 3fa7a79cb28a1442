#include "vlm_service/scheduler/sequence.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_prompt.h"

namespace glyph::vlm {
namespace {

using ::testing::SizeIs;

constexpr FakePage kPage = {1, {2, 3}};

SequenceSpec Spec(std::string tenant = "t") {
  SequenceSpec spec;
  spec.max_prompt_tokens = 100;
  spec.tenant = std::move(tenant);
  return spec;
}

// `before`, a page of 6 tokens, `after`.
Sequence Document(const std::vector<int32_t>& before, const FakePage& page,
                  const std::vector<int32_t>& after, std::string tenant = "t") {
  Sequence sequence(Spec(std::move(tenant)));
  FakePromptStream stream;
  sequence.AppendPrompt(stream.Page(before, page.grid));
  sequence.pages.back().name = page.Name();
  sequence.AppendPrompt(stream.Text(after));
  sequence.prompt_complete = true;
  return sequence;
}

std::vector<ContentHash> BlockNames(Sequence sequence) {
  sequence.NameFullBlocks(4);
  return sequence.block_names;
}

TEST(Sequence, PutsFragmentsTogether) {
  const Sequence sequence = Document({1, 2}, kPage, {3});
  EXPECT_EQ(sequence.num_known(), 9);
  EXPECT_EQ(sequence.num_prompt_tokens, 9);
  ASSERT_THAT(sequence.pages, SizeIs(1));
  EXPECT_EQ(sequence.pages[0].first_token, 2);
  EXPECT_EQ(sequence.pages[0].end_token(), 8);
  EXPECT_EQ(sequence.position(0, 7), 2);  // the page's time
  EXPECT_EQ(sequence.position(1, 7), 3);  // its last row
  EXPECT_EQ(sequence.position(2, 7), 4);  // its last column
  EXPECT_EQ(sequence.position(0, 8), 5);
}

TEST(Sequence, GoesOnWithPositionsAfterThePrompt) {
  Sequence sequence = Document({1, 2}, kPage, {3});
  EXPECT_EQ(sequence.num_outputs(), 0);
  sequence.AppendOutput(7);
  sequence.AppendOutput(8);
  EXPECT_EQ(sequence.num_outputs(), 2);
  for (int axis = 0; axis < 3; ++axis) {
    EXPECT_EQ(sequence.position(axis, 9), 6);
    EXPECT_EQ(sequence.position(axis, 11), 8);  // of the output after those
  }
}

TEST(Sequence, HasNoOutputsBeforeItsPromptIsComplete) {
  Sequence sequence(Spec());
  sequence.AppendPrompt(FakeText({1, 2, 3}));
  EXPECT_EQ(sequence.num_outputs(), 0);
}

TEST(Sequence, NamesFullBlocksOnly) {
  EXPECT_THAT(BlockNames(Document({}, kPage, {3})), SizeIs(1));     // 7 tokens
  EXPECT_THAT(BlockNames(Document({}, kPage, {3, 4})), SizeIs(2));  // 8 tokens
}

TEST(Sequence, NamesBlocksTheSameHoweverTheyBecameKnown) {
  Sequence at_once = Document({1, 2}, kPage, {3, 4, 5, 6});
  at_once.NameFullBlocks(4);
  Sequence in_steps(Spec());
  FakePromptStream stream;
  in_steps.AppendPrompt(stream.Page({1, 2}, kPage.grid));
  in_steps.pages.back().name = kPage.Name();
  in_steps.NameFullBlocks(4);
  in_steps.AppendPrompt(stream.Text({3, 4}));
  in_steps.prompt_complete = true;
  in_steps.NameFullBlocks(4);
  in_steps.AppendOutput(5);
  in_steps.AppendOutput(6);
  in_steps.NameFullBlocks(4);
  EXPECT_THAT(at_once.block_names, SizeIs(3));
  EXPECT_EQ(in_steps.block_names, at_once.block_names);
}

TEST(Sequence, SharesNamesUpToWhereItDiffers) {
  const auto names = BlockNames(Document({1, 2, 3, 4}, kPage, {3, 4}));
  ASSERT_THAT(names, SizeIs(3));
  const auto other_end = BlockNames(Document({1, 2, 3, 4}, kPage, {3, 5}));
  EXPECT_EQ(other_end[1], names[1]);
  EXPECT_NE(other_end[2], names[2]);
  const auto other_page = BlockNames(Document({1, 2, 3, 4}, {2, {2, 3}}, {3, 4}));
  EXPECT_EQ(other_page[0], names[0]);
  EXPECT_NE(other_page[1], names[1]);
  const auto other_grid = BlockNames(Document({1, 2, 3, 4}, {1, {3, 2}}, {3, 4}));
  EXPECT_NE(other_grid[1], names[1]);
  const auto other_tenant = BlockNames(Document({1, 2, 3, 4}, kPage, {3, 4}, "u"));
  EXPECT_NE(other_tenant[0], names[0]);
}

TEST(Sequence, TellsThePageAgainFromItsNextRows) {
  Sequence twice(Spec()), once(Spec());
  FakePromptStream stream;
  for (int i = 0; i < 2; ++i) {
    twice.AppendPrompt(stream.Page({}, {2, 2}));
    twice.pages.back().name = kPage.Name();
  }
  FakePromptStream other;
  once.AppendPrompt(other.Page({}, {4, 2}));
  once.pages.back().name = kPage.Name();
  EXPECT_NE(BlockNames(std::move(twice))[1], BlockNames(std::move(once))[1]);
}

}  // namespace
}  // namespace glyph::vlm
