#include "vlm_service/model/activation_arena.h"

#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

TEST(ActivationArenaTest, TensorsOfOnePassDoNotOverlap) {
  ActivationArena arena(at::kFloat);
  at::Tensor a = arena.Take(3, 5);
  at::Tensor b = arena.Take(700, 2000);
  at::Tensor c = arena.Take(1, 1);
  a.fill_(1);
  b.fill_(2);
  c.fill_(3);
  EXPECT_EQ(a.min().item<float>(), 1);
  EXPECT_EQ(a.max().item<float>(), 1);
  EXPECT_EQ(b.min().item<float>(), 2);
  EXPECT_EQ(b.max().item<float>(), 2);
}

TEST(ActivationArenaTest, TensorsOfWiderTypesDoNotOverlapTheOthers) {
  ActivationArena arena(at::kBFloat16);
  at::Tensor before = arena.Take(3, 5);
  at::Tensor wide = arena.Take(7, 9, at::kFloat);
  at::Tensor after = arena.Take(3, 5);
  before.fill_(1);
  after.fill_(3);
  wide.fill_(1.0f / 3);
  EXPECT_EQ(wide.sizes(), (std::vector<int64_t>{7, 9}));
  EXPECT_EQ(wide.min().item<float>(), 1.0f / 3);
  EXPECT_EQ(wide.max().item<float>(), 1.0f / 3);
  EXPECT_EQ(before.max().item<float>(), 1);
  EXPECT_EQ(after.min().item<float>(), 3);
}

TEST(ActivationArenaTest, GrowsToTheLargestPassAndThenAllocatesNoMore) {
  ActivationArena arena(at::kBFloat16);
  for (int pass = 0; pass < 2; ++pass) {
    arena.Reset();
    for (int i = 0; i < 4; ++i) arena.Take(1000, 1000);
  }
  const int64_t grown = arena.num_bytes();
  arena.Reset();
  const void* first = arena.Take(1000, 1000).data_ptr();
  arena.Reset();
  EXPECT_EQ(arena.Take(10, 10).data_ptr(), first);
  EXPECT_EQ(arena.num_bytes(), grown);
  EXPECT_GE(grown, 4 * 1000 * 1000 * 2);
}

}  // namespace
}  // namespace glyph::vlm
