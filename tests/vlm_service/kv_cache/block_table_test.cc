#include "vlm_service/kv_cache/block_table.h"

#include <type_traits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

using ::testing::ElementsAre;

static_assert(!std::is_copy_constructible_v<BlockTable>);

TEST(BlockTable, ReturnsItsBlocksWhenDestroyed) {
  BlockPool pool(8);
  {
    const auto table = BlockTable::TryAllocate(pool, 5);
    ASSERT_TRUE(table.has_value());
    EXPECT_EQ(pool.num_free(), 3);
  }
  EXPECT_EQ(pool.num_free(), 8);
}

TEST(BlockTable, IsNotMadeWhenTooFewBlocksAreFree) {
  BlockPool pool(2);
  EXPECT_FALSE(BlockTable::TryAllocate(pool, 3).has_value());
  EXPECT_EQ(pool.num_free(), 2);
}

TEST(BlockTable, KeepsItsFirstBlocksWhenShrunk) {
  BlockPool pool(8);
  auto table = BlockTable::TryAllocate(pool, 5);
  table->ShrinkTo(2);
  EXPECT_THAT(table->blocks(), ElementsAre(BlockId{0}, BlockId{1}));
  EXPECT_EQ(pool.num_free(), 6);
  table->ShrinkTo(2);
  EXPECT_EQ(pool.num_free(), 6);
}

TEST(BlockTable, MovesItsBlocksWithoutReturningThem) {
  BlockPool pool(8);
  BlockTable target;
  {
    auto source = BlockTable::TryAllocate(pool, 3);
    target = *std::move(source);
  }
  const BlockTable moved = std::move(target);
  EXPECT_EQ(moved.size(), 3);
  EXPECT_EQ(pool.num_free(), 5);
}

TEST(BlockTable, ReturnsItsOldBlocksWhenAssigned) {
  BlockPool pool(8);
  auto table = *BlockTable::TryAllocate(pool, 3);
  table = *BlockTable::TryAllocate(pool, 2);
  EXPECT_EQ(table.size(), 2);
  EXPECT_EQ(pool.num_free(), 6);
}

TEST(BlockTable, SharesItsBlocksWithAFork) {
  BlockPool pool(8);
  auto table = *BlockTable::TryAllocate(pool, 3);
  {
    const BlockTable fork = table.Fork();
    EXPECT_EQ(fork.blocks(), table.blocks());
    EXPECT_TRUE(table.IsShared(2));
    EXPECT_EQ(pool.num_used(), 3);
  }
  EXPECT_FALSE(table.IsShared(2));
  EXPECT_EQ(pool.num_used(), 3);
}

TEST(BlockTable, GrowsWhileBlocksLast) {
  BlockPool pool(2);
  auto table = *BlockTable::TryAllocate(pool, 1);
  EXPECT_TRUE(table.TryGrow());
  EXPECT_FALSE(table.TryGrow());
  EXPECT_EQ(table.size(), 2);
}

TEST(BlockTable, GrowsByABlockOfKnownContents) {
  BlockPool pool(4);
  const ContentHash contents = {{7, 7}};
  auto table = *BlockTable::TryAllocate(pool, 1);
  pool.Name(table[0], contents);
  auto other = *BlockTable::TryAllocate(pool, 0);
  EXPECT_TRUE(other.TryGrowShared(contents));
  EXPECT_EQ(other[0], table[0]);
  EXPECT_FALSE(other.TryGrowShared({{8, 8}}));
  EXPECT_EQ(other.size(), 1);
}

TEST(BlockTable, ReplacesItsLastBlockByOneOfKnownContents) {
  BlockPool pool(4);
  auto first = BlockTable::TryAllocate(pool, 1);
  auto second = BlockTable::TryAllocate(pool, 2);
  const ContentHash contents = {{1, 2}};
  EXPECT_FALSE(second->TryReplaceLastShared(contents));
  pool.Name((*first)[0], contents);
  ASSERT_TRUE(second->TryReplaceLastShared(contents));
  EXPECT_THAT(second->blocks(), ElementsAre(BlockId{1}, BlockId{0}));
  EXPECT_EQ(pool.num_holders(BlockId{0}), 2);
  EXPECT_EQ(pool.num_free(), 2);
}

TEST(BlockTable, ReplacesABlockThatOthersHold) {
  BlockPool pool(3);
  auto table = *BlockTable::TryAllocate(pool, 2);
  auto fork = table.Fork();
  const BlockId shared = table[1];
  EXPECT_EQ(fork.TryReplace(1), shared);
  EXPECT_NE(fork[1], shared);
  EXPECT_EQ(fork[0], table[0]);
  EXPECT_FALSE(table.IsShared(1));
  EXPECT_EQ(table.TryReplace(0), std::nullopt);  // none is left
  EXPECT_EQ(table[0], fork[0]);
}

TEST(BlockTableDeathTest, ShrinksOnly) {
  BlockPool pool(3);
  auto table = *BlockTable::TryAllocate(pool, 2);
  EXPECT_DEATH(table.ShrinkTo(3), "broken invariant");
}

}  // namespace
}  // namespace glyph::vlm
