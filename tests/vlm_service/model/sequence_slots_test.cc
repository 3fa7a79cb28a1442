#include "vlm_service/model/sequence_slots.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

using testing::ElementsAre;

constexpr SequenceSlot kOne{0};
constexpr SequenceSlot kOther{1};

class SequenceSlotsTest : public testing::Test {
 protected:
  SequenceSlotsTest()
      : slots_({.num_blocks = 8, .block_tokens = 4, .max_slots = 2, .vision_layers = 1}) {
    slots_.Start(kOne);
    slots_.Edit({.slot = kOne, .index = 0, .block = BlockId{5}});
    slots_.Edit({.slot = kOne, .index = 1, .block = BlockId{2}});
  }

  SequenceSlots slots_;
};

TEST_F(SequenceSlotsTest, EditsExtendAndReplace) {
  slots_.Edit({.slot = kOne, .index = 0, .block = BlockId{7}});
  EXPECT_THAT(slots_.at(kOne), ElementsAre(7, 2));
  EXPECT_ANY_THROW(slots_.Edit({.slot = kOne, .index = 3, .block = BlockId{1}}));
  EXPECT_ANY_THROW(slots_.Edit({.slot = kOne, .index = 2, .block = BlockId{8}}));
  EXPECT_ANY_THROW(slots_.Edit({.slot = kOther, .index = 0, .block = BlockId{1}}));
}

TEST_F(SequenceSlotsTest, TokensLieInTheBlocksOfTheTable) {
  const SequenceSlots::Table& sequence = slots_.at(kOne);
  EXPECT_EQ(slots_.CacheRow(sequence, 0), 20);
  EXPECT_EQ(slots_.CacheRow(sequence, 6), 10);
  EXPECT_ANY_THROW(slots_.CacheRow(sequence, 8));
}

TEST_F(SequenceSlotsTest, AForkHasTheTableUntilOneIsEdited) {
  slots_.Fork(kOne, kOther);
  slots_.Edit({.slot = kOther, .index = 1, .block = BlockId{3}});
  EXPECT_THAT(slots_.at(kOne), ElementsAre(5, 2));
  EXPECT_THAT(slots_.at(kOther), ElementsAre(5, 3));
}

TEST_F(SequenceSlotsTest, SharedBlocksCountOnce) {
  EXPECT_EQ(slots_.num_blocks_used(), 2);
  slots_.Fork(kOne, kOther);
  EXPECT_EQ(slots_.num_blocks_used(), 2);
  slots_.Edit({.slot = kOther, .index = 1, .block = BlockId{3}});
  EXPECT_EQ(slots_.num_blocks_used(), 3);
  slots_.Release(kOne);
  EXPECT_EQ(slots_.num_blocks_used(), 2);
  slots_.Start(kOther);
  EXPECT_EQ(slots_.num_blocks_used(), 0);
  EXPECT_ANY_THROW(slots_.at(kOne));
}

}  // namespace
}  // namespace glyph::vlm
