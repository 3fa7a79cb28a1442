#include "vlm_service/kv_cache/block_pool.h"

#include <algorithm>
#include <random>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

using ::testing::ElementsAre;

TEST(BlockPool, HandsOutEveryBlockOnce) {
  BlockPool pool(5);
  const auto blocks = pool.TryAllocate(5);
  ASSERT_TRUE(blocks.has_value());
  EXPECT_EQ(std::set<BlockId>(blocks->begin(), blocks->end()).size(), 5u);
  EXPECT_EQ(pool.num_free(), 0);
}

TEST(BlockPool, TakesNothingWhenTooFewAreFree) {
  BlockPool pool(4);
  const auto held = pool.TryAllocate(2);
  EXPECT_FALSE(pool.TryAllocate(3).has_value());
  EXPECT_EQ(pool.num_free(), 2);
  EXPECT_TRUE(pool.TryAllocate(2).has_value());
  EXPECT_TRUE(pool.TryAllocate(0).has_value());
  EXPECT_FALSE(pool.TryAllocate(1).has_value());
}

TEST(BlockPool, ReusesTheLastFreedFirst) {
  BlockPool pool(3);
  const auto blocks = pool.TryAllocate(3);
  pool.Release(std::span(*blocks).subspan(1, 1));
  EXPECT_THAT(*pool.TryAllocate(1), ElementsAre(BlockId{1}));
}

TEST(BlockPool, FreesABlockWithItsLastHolder) {
  BlockPool pool(1);
  const auto block = pool.TryAllocate(1);
  pool.Retain(*block);
  pool.Release(*block);
  EXPECT_EQ(pool.num_free(), 0);
  pool.Release(*block);
  EXPECT_EQ(pool.num_free(), 1);
}

TEST(BlockPool, KeepsItsInvariantOverRandomUse) {
  const uint32_t seed = 20261123;
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  BlockPool pool(37);
  std::vector<std::vector<BlockId>> holders;
  std::vector<int> counts(37, 0);  // the model: holders of each block
  for (int step = 0; step < 20000; ++step) {
    const uint32_t action = random() % 3;
    if (action == 0) {
      const auto count = static_cast<int32_t>(random() % 9);
      const int32_t free_before = pool.num_free();
      auto blocks = pool.TryAllocate(count);
      ASSERT_EQ(blocks.has_value(), count <= free_before);
      if (!blocks) continue;
      for (const BlockId block : *blocks) ASSERT_EQ(counts[static_cast<size_t>(block)]++, 0);
      holders.push_back(*std::move(blocks));
    } else if (!holders.empty()) {
      const size_t index = random() % holders.size();
      if (action == 1) {
        pool.Retain(holders[index]);
        for (const BlockId block : holders[index]) ++counts[static_cast<size_t>(block)];
        holders.push_back(holders[index]);
      } else {
        pool.Release(holders[index]);
        for (const BlockId block : holders[index]) --counts[static_cast<size_t>(block)];
        holders.erase(holders.begin() + static_cast<std::ptrdiff_t>(index));
      }
    }
    ASSERT_EQ(pool.num_free(), std::count(counts.begin(), counts.end(), 0));
  }
}

TEST(BlockPoolDeathTest, RefusesFreeBlocksAndStrangers) {
  BlockPool pool(2);
  const std::vector<BlockId> free = {BlockId{0}};
  const std::vector<BlockId> stranger = {BlockId{2}};
  EXPECT_DEATH(pool.Release(free), "broken invariant");
  EXPECT_DEATH(pool.Retain(free), "broken invariant");
  EXPECT_DEATH(pool.Release(stranger), "broken invariant");
  EXPECT_DEATH(BlockPool(0), "broken invariant");
}

}  // namespace
}  // namespace glyph::vlm
