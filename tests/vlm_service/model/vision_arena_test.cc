#include "vlm_service/model/vision_arena.h"

#include "ATen/ops/arange.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/full.h"
#include "gtest/gtest.h"
#include "vlm_service/ops/cpu_ops.h"

namespace glyph::vlm {
namespace {

at::Tensor Page(int64_t tokens, float value) { return at::full({tokens, 3}, value); }

void Store(VisionArena& arena, PageId page, const at::Tensor& output) {
  arena.Reserve(page, output.size(0));
  arena.Append(page, output);
}

TEST(VisionArenaTest, PagesKeepTheirRowsAmongHoles) {
  CpuOps ops;
  VisionArena arena(6, 3, at::kFloat, ops);
  Store(arena, PageId{1}, Page(2, 1));
  Store(arena, PageId{2}, Page(2, 2));
  Store(arena, PageId{3}, Page(2, 3));
  arena.Release(PageId{1});
  arena.Release(PageId{3});
  Store(arena, PageId{4}, Page(4, 4));
  for (const auto& [page, tokens, value] : {std::tuple(2, 2, 2.0f), std::tuple(4, 4, 4.0f)}) {
    at::Tensor out = at::empty({tokens, 3});
    arena.Load(PageId{page}, 0, out);
    EXPECT_TRUE(out.equal(Page(tokens, value)));
  }
  EXPECT_EQ(arena.used_bytes(), arena.reserved_bytes());
}

TEST(VisionArenaTest, RowsOfBfloat16AreLoadedAsFloat32) {
  CpuOps ops;
  VisionArena arena(4, 3, at::kBFloat16, ops);
  Store(arena, PageId{1}, Page(2, 1.5f).to(at::kBFloat16));
  at::Tensor out = at::empty({2, 3});
  arena.Load(PageId{1}, 0, out);
  EXPECT_TRUE(out.equal(Page(2, 1.5f)));
}

TEST(VisionArenaTest, OneTokenTooManyIsRefused) {
  CpuOps ops;
  VisionArena arena(4, 3, at::kFloat, ops);
  Store(arena, PageId{1}, Page(3, 1));
  EXPECT_ANY_THROW(Store(arena, PageId{2}, Page(2, 2)));
  Store(arena, PageId{3}, Page(1, 3));
}

TEST(VisionArenaTest, PartsComeBackWhateverPartsTheyWereStoredIn) {
  CpuOps ops;
  VisionArena arena(8, 3, at::kFloat, ops);
  Store(arena, PageId{1}, Page(1, 9));
  arena.Reserve(PageId{2}, 5);
  arena.Release(PageId{1});
  const at::Tensor output = at::arange(15, at::kFloat).view({5, 3});
  arena.Append(PageId{2}, output.narrow(0, 0, 2));
  at::Tensor out = at::empty({2, 3});
  EXPECT_ANY_THROW(arena.Load(PageId{2}, 1, out));
  arena.Append(PageId{2}, output.narrow(0, 2, 3));
  arena.Load(PageId{2}, 1, out);
  EXPECT_TRUE(out.equal(output.narrow(0, 1, 2)));
  EXPECT_ANY_THROW(arena.Append(PageId{2}, output.narrow(0, 0, 1)));
}

TEST(VisionArenaTest, PagesAreKnownByIdAndSize) {
  CpuOps ops;
  VisionArena arena(8, 3, at::kFloat, ops);
  Store(arena, PageId{1}, Page(2, 1));
  at::Tensor two = at::empty({2, 3});
  at::Tensor three = at::empty({3, 3});
  EXPECT_ANY_THROW(arena.Load(PageId{9}, 0, two));
  EXPECT_ANY_THROW(arena.Load(PageId{1}, 0, three));
  EXPECT_ANY_THROW(Store(arena, PageId{1}, Page(2, 1)));
  arena.Release(PageId{9});
  EXPECT_EQ(arena.used_bytes(), 2 * 3 * 4);
}

}  // namespace
}  // namespace glyph::vlm
