#include "vlm_service/kv_cache/block_pool.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

using ::testing::ElementsAre;

ContentHash Contents(uint64_t number) { return {{number, 0}}; }

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

TEST(BlockPool, CachesANamedBlockWithoutHolders) {
  BlockPool pool(2);
  const auto block = pool.TryAllocate(1);
  pool.Name(block->front(), Contents(1));
  pool.Release(*block);
  EXPECT_EQ(pool.num_free(), 1);
  EXPECT_EQ(pool.num_cached(), 1);
  EXPECT_EQ(pool.num_used(), 0);
  EXPECT_TRUE(pool.Holds(Contents(1)));
}

TEST(BlockPool, SharesByContents) {
  BlockPool pool(2);
  const auto block = pool.TryAllocate(1);
  EXPECT_EQ(pool.TryShare(Contents(1)), std::nullopt);
  pool.Name(block->front(), Contents(1));
  EXPECT_EQ(pool.TryShare(Contents(1)), block->front());  // while it is used
  EXPECT_EQ(pool.num_holders(block->front()), 2);
  pool.Release(*block);
  pool.Release(*block);
  EXPECT_EQ(pool.TryShare(Contents(1)), block->front());  // while it is cached
  EXPECT_EQ(pool.num_cached(), 0);
  EXPECT_EQ(pool.num_holders(block->front()), 1);
}

TEST(BlockPool, KeepsTheFirstOfTwoBlocksWithTheSameContents) {
  BlockPool pool(2);
  const auto blocks = pool.TryAllocate(2);
  pool.Name((*blocks)[0], Contents(1));
  pool.Name((*blocks)[1], Contents(1));
  pool.Name((*blocks)[0], Contents(2));  // it has a name
  EXPECT_EQ(pool.TryShare(Contents(1)), (*blocks)[0]);
  EXPECT_FALSE(pool.Holds(Contents(2)));
}

TEST(BlockPool, TakesCachedBlocksLeastRecentlyUsedFirst) {
  BlockPool pool(3);
  const auto blocks = pool.TryAllocate(3);
  for (size_t i = 0; i < 3; ++i) {
    pool.Name((*blocks)[i], Contents(i));
    pool.Release(std::span(*blocks).subspan(i, 1));
  }
  const auto used_again = pool.TryShare(Contents(0));
  pool.Release(std::span(&*used_again, 1));
  EXPECT_THAT(*pool.TryAllocate(2), ElementsAre((*blocks)[2], (*blocks)[1]));
  EXPECT_TRUE(pool.Holds(Contents(0)));
  EXPECT_FALSE(pool.Holds(Contents(1)));
}

TEST(BlockPool, LosesTheEndOfAChainFirst) {
  BlockPool pool(3);
  const auto chain = pool.TryAllocate(3);
  for (size_t i = 0; i < 3; ++i) pool.Name((*chain)[i], Contents(i));
  pool.Release(*chain);
  ASSERT_TRUE(pool.TryAllocate(1).has_value());
  EXPECT_TRUE(pool.Holds(Contents(0)));
  EXPECT_TRUE(pool.Holds(Contents(1)));
  EXPECT_FALSE(pool.Holds(Contents(2)));
}

TEST(BlockPool, PrefersFreeBlocksToCachedOnes) {
  BlockPool pool(2);
  const auto blocks = pool.TryAllocate(2);
  pool.Name(blocks->front(), Contents(1));
  pool.Release(*blocks);
  ASSERT_TRUE(pool.TryAllocate(1).has_value());
  EXPECT_TRUE(pool.Holds(Contents(1)));
}

TEST(BlockPool, ForgetsNames) {
  BlockPool pool(3);
  const auto blocks = pool.TryAllocate(3);
  for (size_t i = 0; i < 3; ++i) pool.Name((*blocks)[i], Contents(i));
  pool.Release(std::span(*blocks).first(2));
  pool.Forget((*blocks)[0]);  // cached
  pool.Forget((*blocks)[2]);  // used
  EXPECT_FALSE(pool.Holds(Contents(0)));
  EXPECT_FALSE(pool.Holds(Contents(2)));
  EXPECT_EQ(pool.num_free(), 1);
  EXPECT_EQ(pool.num_used(), 1);
  pool.CheckIntegrity();
}

// A pool against a plain model of what it holds.
class RandomUse {
 public:
  explicit RandomUse(uint32_t seed) : random_(seed), pool_(kCapacity), counts_(kCapacity) {}

  void Step() {
    const uint32_t action = random_() % 8;
    if (action < 3) Allocate();
    if (action == 3 && !holders_.empty()) Retain();
    if (action > 5 && !holders_.empty()) Release();
    if (action == 4) Name();
    if (action == 5) Share();
    if (random_() % 20 == 0) Forget();
    ASSERT_EQ(pool_.num_used(), kCapacity - std::count(counts_.begin(), counts_.end(), 0));
    pool_.CheckIntegrity();
  }

 private:
  static constexpr int32_t kCapacity = 37;
  size_t Any() { return random_() % holders_.size(); }
  int& CountOf(BlockId block) { return counts_[static_cast<size_t>(block)]; }

  void Allocate() {
    const auto count = static_cast<int32_t>(random_() % 9);
    const int32_t available = pool_.num_free() + pool_.num_cached();
    auto blocks = pool_.TryAllocate(count);
    ASSERT_EQ(blocks.has_value(), count <= available);
    if (!blocks) return;
    for (const BlockId block : *blocks) ASSERT_EQ(CountOf(block)++, 0);
    for (const BlockId block : *blocks) contents_.erase(block);
    holders_.push_back(*std::move(blocks));
  }
  void Retain() {
    const std::vector<BlockId> blocks = holders_[Any()];
    pool_.Retain(blocks);
    for (const BlockId block : blocks) ++CountOf(block);
    holders_.push_back(blocks);
  }
  void Release() {
    const size_t index = Any();
    pool_.Release(holders_[index]);
    for (const BlockId block : holders_[index]) --CountOf(block);
    holders_.erase(holders_.begin() + static_cast<std::ptrdiff_t>(index));
  }
  void Name() {
    if (holders_.empty() || holders_[Any()].empty()) return;
    const std::vector<BlockId>& blocks = holders_[Any()];
    if (blocks.empty()) return;
    const uint64_t contents = random_() % 12;
    const bool known = pool_.Holds(Contents(contents));
    pool_.Name(blocks.front(), Contents(contents));
    if (!known && !contents_.contains(blocks.front())) contents_[blocks.front()] = contents;
  }
  // What is shared still holds what was named.
  void Share() {
    const uint64_t contents = random_() % 12;
    const auto block = pool_.TryShare(Contents(contents));
    if (!block) return;
    ASSERT_EQ(contents_.at(*block), contents);
    ++CountOf(*block);
    holders_.push_back({*block});
  }
  void Forget() {
    const auto block = BlockId{static_cast<int32_t>(random_() % kCapacity)};
    pool_.Forget(block);
    contents_.erase(block);
  }

  std::mt19937 random_;
  BlockPool pool_;
  std::vector<std::vector<BlockId>> holders_;
  std::vector<int> counts_;               // holders of each block
  std::map<BlockId, uint64_t> contents_;  // of named blocks
};

TEST(BlockPool, KeepsItsInvariantsOverRandomUse) {
  const uint32_t seed = 20261123;
  SCOPED_TRACE(seed);
  RandomUse use(seed);
  for (int step = 0; step < 20000 && !testing::Test::HasFatalFailure(); ++step) use.Step();
}

TEST(BlockPoolDeathTest, RefusesFreeBlocksAndStrangers) {
  BlockPool pool(2);
  const std::vector<BlockId> free = {BlockId{0}};
  const std::vector<BlockId> stranger = {BlockId{2}};
  EXPECT_DEATH(pool.Release(free), "broken invariant");
  EXPECT_DEATH(pool.Retain(free), "broken invariant");
  EXPECT_DEATH(pool.Release(stranger), "broken invariant");
  EXPECT_DEATH(pool.Name(BlockId{0}, Contents(1)), "broken invariant");
  EXPECT_DEATH(BlockPool(0), "broken invariant");
}

}  // namespace
}  // namespace glyph::vlm
