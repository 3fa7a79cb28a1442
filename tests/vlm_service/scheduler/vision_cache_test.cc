#include "vlm_service/scheduler/vision_cache.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr PageGrid kGrid = {4, 10};  // 40 tokens
constexpr int32_t kUnits = 3;

ContentHash Name(uint64_t number) { return {{number, 1}}; }

class VisionCacheTest : public testing::Test {
 protected:
  std::optional<PageId> Add(uint64_t number, PageGrid grid = kGrid) {
    return cache_.TryAdd(Name(number), grid, std::make_shared<PageImage>(), kUnits);
  }
  PageId AddEncoded(uint64_t number) {
    const PageId id = *Add(number);
    cache_.Advance(id, kUnits);
    return id;
  }

  VisionCache cache_{100};
};

TEST_F(VisionCacheTest, KnowsAPageFromItsFirstUnitOn) {
  EXPECT_FALSE(cache_.Knows(Name(1)));
  const PageId id = *Add(1);
  EXPECT_TRUE(cache_.Knows(Name(1)));
  cache_.Advance(id, 2);
  EXPECT_FALSE(cache_.Get(id).encoded());
  EXPECT_NE(cache_.Get(id).image, nullptr);
  cache_.Advance(id, 1);
  EXPECT_TRUE(cache_.Get(id).encoded());
  EXPECT_EQ(cache_.Get(id).image, nullptr);
}

TEST_F(VisionCacheTest, KeepsAnEncodedPageNobodyHolds) {
  const PageId id = AddEncoded(1);
  cache_.Drop(id);
  EXPECT_EQ(cache_.num_held_tokens(), 0);
  EXPECT_EQ(cache_.num_tokens(), 40);
  EXPECT_EQ(cache_.Hold(Name(1)), id);
  EXPECT_EQ(cache_.num_held_tokens(), 40);
  EXPECT_THAT(cache_.TakeReleased(), IsEmpty());
}

TEST_F(VisionCacheTest, ForgetsAnUnfinishedPageNobodyHolds) {
  const PageId begun = *Add(1);
  cache_.Advance(begun, 1);
  const PageId not_begun = *Add(2);
  cache_.Drop(begun);
  cache_.Drop(not_begun);
  EXPECT_EQ(cache_.num_pages(), 0);
  EXPECT_THAT(cache_.TakeReleased(), ElementsAre(begun));  // the executor knows only this one
  EXPECT_THAT(cache_.TakeReleased(), IsEmpty());
}

TEST_F(VisionCacheTest, KeepsAnUnfinishedPageForItsOtherHolder) {
  const PageId id = *Add(1);
  cache_.HoldAgain(id);
  cache_.Drop(id);
  EXPECT_EQ(cache_.num_held_tokens(), 40);
  cache_.Drop(id);
  EXPECT_EQ(cache_.num_pages(), 0);
}

TEST_F(VisionCacheTest, MakesRoomLeastRecentlyUsedFirst) {
  const PageId first = AddEncoded(1);
  const PageId second = AddEncoded(2);
  cache_.Drop(first);
  cache_.Drop(second);
  cache_.Drop(cache_.Hold(Name(1)));  // used again
  ASSERT_TRUE(Add(3).has_value());
  EXPECT_TRUE(cache_.Knows(Name(1)));
  EXPECT_FALSE(cache_.Knows(Name(2)));
  EXPECT_THAT(cache_.TakeReleased(), ElementsAre(second));
}

TEST_F(VisionCacheTest, TakesNoRoomThatIsHeld) {
  const PageId held = AddEncoded(1);
  ASSERT_TRUE(Add(2).has_value());
  EXPECT_FALSE(Add(3).has_value());
  EXPECT_TRUE(Add(4, {2, 10}).has_value());  // the last 20 tokens
  EXPECT_EQ(cache_.num_tokens(), 100);
  cache_.Drop(held);
  EXPECT_TRUE(Add(3).has_value());
}

TEST_F(VisionCacheTest, ForgetsByName) {
  const PageId idle = AddEncoded(1);
  const PageId held = AddEncoded(2);
  cache_.Drop(idle);
  cache_.Forget(Name(1));
  cache_.Forget(Name(2));
  cache_.Forget(Name(3));
  EXPECT_FALSE(cache_.Knows(Name(2)));
  EXPECT_THAT(cache_.TakeReleased(), ElementsAre(idle));
  EXPECT_TRUE(cache_.Get(held).encoded());  // for its holder
  cache_.Drop(held);
  EXPECT_THAT(cache_.TakeReleased(), ElementsAre(held));
}

TEST_F(VisionCacheTest, TakesAForgottenPageInAgain) {
  const PageId forgotten = AddEncoded(1);
  cache_.Forget(Name(1));
  const PageId again = AddEncoded(1);
  EXPECT_NE(again, forgotten);
  cache_.Drop(forgotten);
  EXPECT_EQ(cache_.Hold(Name(1)), again);
}

}  // namespace
}  // namespace glyph::vlm
