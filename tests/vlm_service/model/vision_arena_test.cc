#include "vlm_service/model/vision_arena.h"

#include "ATen/ops/empty.h"
#include "ATen/ops/full.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

at::Tensor Page(int64_t tokens, float value) { return at::full({tokens, 3}, value); }

TEST(VisionArenaTest, PagesKeepTheirRowsAmongHoles) {
  VisionArena arena(6, 3, at::kFloat);
  arena.Store(PageId{1}, Page(2, 1));
  arena.Store(PageId{2}, Page(2, 2));
  arena.Store(PageId{3}, Page(2, 3));
  arena.Release(PageId{1});
  arena.Release(PageId{3});
  arena.Store(PageId{4}, Page(4, 4));
  for (const auto& [page, tokens, value] : {std::tuple(2, 2, 2.0f), std::tuple(4, 4, 4.0f)}) {
    at::Tensor out = at::empty({tokens, 3});
    arena.Load(PageId{page}, out);
    EXPECT_TRUE(out.equal(Page(tokens, value)));
  }
  EXPECT_EQ(arena.used_bytes(), arena.reserved_bytes());
}

TEST(VisionArenaTest, OneTokenTooManyIsRefused) {
  VisionArena arena(4, 3, at::kFloat);
  arena.Store(PageId{1}, Page(3, 1));
  EXPECT_ANY_THROW(arena.Store(PageId{2}, Page(2, 2)));
  arena.Store(PageId{3}, Page(1, 3));
}

TEST(VisionArenaTest, PagesAreKnownByIdAndSize) {
  VisionArena arena(8, 3, at::kFloat);
  arena.Store(PageId{1}, Page(2, 1));
  at::Tensor two = at::empty({2, 3});
  at::Tensor three = at::empty({3, 3});
  EXPECT_ANY_THROW(arena.Load(PageId{9}, two));
  EXPECT_ANY_THROW(arena.Load(PageId{1}, three));
  EXPECT_ANY_THROW(arena.Store(PageId{1}, Page(2, 1)));
  arena.Release(PageId{9});
  EXPECT_EQ(arena.used_bytes(), 2 * 3 * 4);
}

}  // namespace
}  // namespace glyph::vlm
