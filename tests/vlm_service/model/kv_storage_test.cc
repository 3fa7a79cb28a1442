#include "vlm_service/model/kv_storage.h"

#include "ATen/ops/arange.h"
#include "gtest/gtest.h"
#include "vlm_service/ops/cpu_ops.h"

namespace glyph::vlm {
namespace {

TEST(KvStorageTest, ABlockIsCopiedInEveryLayer) {
  TextConfig config;
  config.num_layers = 2;
  config.num_kv_heads = 1;
  config.head_dim = 3;
  CpuOps ops;
  KvStorage storage(config, /*num_blocks=*/3, /*block_tokens=*/2, at::kFloat, ops);
  EXPECT_EQ(storage.num_bytes(), 2 * 2 * 3 * 2 * 3 * 4);
  EXPECT_EQ(KvStorage::BlockBytes(config, 2, at::kBFloat16) * 3 * 2, storage.num_bytes());
  const at::Tensor k = at::arange(18, at::kFloat).view({6, 3});
  for (int64_t layer = 0; layer < 2; ++layer) {
    storage.keys(layer).view({6, 3}).copy_(k.add(100 * layer));
    storage.values(layer).view({6, 3}).copy_(k.mul(-1).sub(layer));
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
