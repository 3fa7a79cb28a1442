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

}  // namespace
}  // namespace glyph::vlm
