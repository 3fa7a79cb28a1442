#include "vlm_service/model/kv_storage.h"

#include <vector>

#include "ATen/ops/arange.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

TEST(KvStorageTest, RowsGoToTheirSlotOfTheirLayer) {
  TextConfig config;
  config.num_layers = 2;
  config.num_kv_heads = 2;
  config.head_dim = 3;
  KvStorage storage(config, /*num_blocks=*/3, /*block_tokens=*/4, at::kFloat);
  const at::Tensor k = at::arange(12, at::kFloat).view({2, 6});
  const std::vector<int32_t> slots = {9, 2};

  storage.Append(1, slots, k, k.mul(-1));

  EXPECT_TRUE(storage.keys(1)[2][1].view({6}).equal(k[0]));
  EXPECT_TRUE(storage.keys(1)[0][2].view({6}).equal(k[1]));
  EXPECT_TRUE(storage.values(1)[2][1].view({6}).equal(k[0].mul(-1)));
  EXPECT_EQ(storage.num_bytes(), 2 * 2 * 3 * 4 * 6 * 4);
  EXPECT_EQ(KvStorage::BlockBytes(config, 4, at::kBFloat16) * 3 * 2, storage.num_bytes());
}

}  // namespace
}  // namespace glyph::vlm
