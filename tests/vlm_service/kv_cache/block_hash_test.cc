#include "vlm_service/kv_cache/block_hash.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

constexpr std::array<uint8_t, 32> kKey = {1, 2, 3};

PageIdentity Page() { return {kKey, 280, 560, 1, false, "tenant"}; }

ContentHash HashIds(const ContentHash& previous, const std::vector<int32_t>& ids) {
  BlockHasher hasher(previous);
  hasher.AddTokens(ids);
  return hasher.Finish();
}

TEST(HashPage, IsTheSameForTheSamePage) { EXPECT_EQ(HashPage(Page()), HashPage(Page())); }

TEST(HashPage, DiffersInWhateverTheModelCouldSee) {
  std::array<uint8_t, 32> other_key = kKey;
  other_key[31] = 9;
  std::vector<PageIdentity> others(6, Page());
  others[0].key = std::span<const uint8_t, 32>(other_key);
  others[1].width = 560;
  others[2].height = 280;
  others[3].channels = 3;
  others[4].uploaded = true;
  others[5].salt = "tenan";
  for (const PageIdentity& other : others) EXPECT_NE(HashPage(other), HashPage(Page()));
}

TEST(ChainStart, DiffersBetweenTenants) {
  EXPECT_EQ(ChainStart("a"), ChainStart("a"));
  EXPECT_NE(ChainStart("a"), ChainStart("b"));
  EXPECT_NE(ChainStart(""), ChainStart("a"));
}

TEST(BlockHasher, DependsOnEverythingBefore) {
  const ContentHash a = HashIds(ChainStart("t"), {1, 2});
  const ContentHash b = HashIds(ChainStart("t"), {1, 3});
  EXPECT_NE(a, b);
  EXPECT_NE(HashIds(a, {7, 8}), HashIds(b, {7, 8}));
  EXPECT_NE(HashIds(ChainStart("t"), {1, 2}), HashIds(ChainStart("u"), {1, 2}));
  EXPECT_EQ(HashIds(a, {7, 8}), HashIds(a, {7, 8}));
}

TEST(BlockHasher, DependsOnTheOrderOfTokens) {
  const ContentHash start = ChainStart("t");
  EXPECT_NE(HashIds(start, {1, 2}), HashIds(start, {2, 1}));
  EXPECT_NE(HashIds(start, {1}), HashIds(start, {1, 0}));
}

TEST(BlockHasher, TellsPagesAndTheirRowsApart) {
  const ContentHash page = HashPage(Page());
  const auto hash = [&](const ContentHash& name, int64_t first_row, int64_t num_tokens) {
    BlockHasher hasher(ChainStart("t"));
    hasher.AddPage(name, first_row, num_tokens);
    return hasher.Finish();
  };
  EXPECT_EQ(hash(page, 16, 16), hash(page, 16, 16));
  EXPECT_NE(hash(page, 0, 16), hash(page, 16, 16));
  EXPECT_NE(hash(page, 0, 16), hash(page, 0, 15));
  EXPECT_NE(hash(page, 0, 16), hash(ChainStart("t"), 0, 16));
}

TEST(BlockHasher, CannotTakePiecesForOthers) {
  const ContentHash start = ChainStart("t");
  const ContentHash page = HashPage(Page());
  BlockHasher tokens_first(start), page_first(start);
  tokens_first.AddTokens(std::vector<int32_t>{5});
  tokens_first.AddPage(page, 0, 1);
  page_first.AddPage(page, 0, 1);
  page_first.AddTokens(std::vector<int32_t>{5});
  EXPECT_NE(tokens_first.Finish(), page_first.Finish());
}

}  // namespace
}  // namespace glyph::vlm
