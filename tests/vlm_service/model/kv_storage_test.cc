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

  const auto token = [](const at::Tensor& pool, int64_t block, int64_t row) {
    return pool[block].select(1, row).flatten();
  };
  EXPECT_TRUE(token(storage.keys(1), 2, 1).equal(k[0]));
  EXPECT_TRUE(token(storage.keys(1), 0, 2).equal(k[1]));
  EXPECT_TRUE(token(storage.values(1), 2, 1).equal(k[0].mul(-1)));
  EXPECT_EQ(storage.num_bytes(), 2 * 2 * 3 * 4 * 6 * 4);
  EXPECT_EQ(KvStorage::BlockBytes(config, 4, at::kBFloat16) * 3 * 2, storage.num_bytes());
}

TEST(KvStorageTest, ABlockIsCopiedInEveryLayer) {
  TextConfig config;
  config.num_layers = 2;
  config.num_kv_heads = 1;
  config.head_dim = 3;
  KvStorage storage(config, /*num_blocks=*/3, /*block_tokens=*/2, at::kFloat);
  const std::vector<int32_t> slots = {0, 1, 2, 3, 4, 5};
  const at::Tensor k = at::arange(18, at::kFloat).view({6, 3});
  for (int64_t layer = 0; layer < 2; ++layer) {
    storage.Append(layer, slots, k.add(100 * layer), k.mul(-1).sub(layer));
  }

  storage.CopyBlock(1, 0);

  for (int64_t layer = 0; layer < 2; ++layer) {
    const auto rows = [&](const at::Tensor& tensor) { return tensor.view({6, 3}); };
    const at::Tensor keys = k.add(100 * layer);
    EXPECT_TRUE(rows(storage.keys(layer)).narrow(0, 0, 2).equal(keys.narrow(0, 2, 2)));
    EXPECT_TRUE(rows(storage.keys(layer)).narrow(0, 2, 4).equal(keys.narrow(0, 2, 4)));
    EXPECT_TRUE(storage.values(layer)[0].equal(storage.values(layer)[1]));
    EXPECT_FALSE(storage.values(layer)[0].equal(storage.values(layer)[2]));
  }
}

}  // namespace
}  // namespace glyph::vlm
