#include "vlm_service/model/pass_sizes.h"

#include "gtest/gtest.h"
#include "vlm_service/model/memory_plan.h"

namespace glyph::vlm {
namespace {

// zai-org/Glyph's.
ModelConfig GlyphConfig() {
  ModelConfig config;
  config.text = {.vocab_size = 151552,
                 .hidden_size = 4096,
                 .intermediate_size = 13696,
                 .num_layers = 40,
                 .num_heads = 32,
                 .num_kv_heads = 2,
                 .head_dim = 128,
                 .max_position_embeddings = 65536,
                 .rotary_dim = 64,
                 .mrope_sections = {8, 12, 12}};
  config.vision = {.depth = 24,
                   .hidden_size = 1536,
                   .num_heads = 12,
                   .head_dim = 128,
                   .intermediate_size = 13696,
                   .out_hidden_size = 4096,
                   .in_channels = 3,
                   .patch_size = 14,
                   .temporal_patch_size = 2,
                   .merge_size = 2};
  return config;
}

PassLimits GlyphLimits() {
  return {.chunk_tokens = 8192,
          .decode_rows = 32,
          .page_tokens = 21399,
          .unit_tokens = 2048,
          .wide_rows = 4096,
          .value_bytes = 2};
}

// Hidden state, queries, and the keys and values of two layers; two int32 of bfloat16's size.
TEST(PassSizes, PageHasSixTensorsOfItsPatches) {
  const int64_t patches = 4 * 21399;
  const int64_t room = 86016;  // that cuDNN may touch
  EXPECT_EQ(PageValues(GlyphConfig().vision, 21399), patches * (1536 + 4) + room * 5 * 1536 + 2048);
}

TEST(PassSizes, LongChunkIsTheLargestPass) {
  const int64_t rows = 4 * 8192 * 4096 + 8192 * 68 * 128;
  const int64_t wide = 3 * 4096 * 13696;
  EXPECT_EQ(ScratchValues(GlyphConfig(), GlyphLimits()), rows + wide + 4096 + 151552 + 2048);
}

TEST(PassSizes, ShortChunkLeavesTheVisionUnit) {
  PassLimits limits = GlyphLimits();
  limits.chunk_tokens = 1024;
  limits.page_tokens = 15'000;
  EXPECT_EQ(ScratchValues(GlyphConfig(), limits), 8192 * (2 * 1536 + 3 * 4096) + 2048);
}

TEST(PassSizes, ManyRowsOfLogitsCount) {
  PassLimits limits = GlyphLimits();
  limits.chunk_tokens = 1;
  limits.unit_tokens = 1;
  limits.page_tokens = 1;
  limits.decode_rows = 1024;
  const int64_t rows = 1024 * (4 * 4096 + 3 * 13696 + 68 * 128);
  EXPECT_EQ(ScratchValues(GlyphConfig(), limits), rows + 1024 * (4096 + 151552) + 2048);
}

TEST(PassSizes, LargePageBeginsWithItsPatches) {
  PassLimits limits = GlyphLimits();
  limits.chunk_tokens = 1;
  limits.unit_tokens = 1;
  EXPECT_EQ(ScratchValues(GlyphConfig(), limits), 4 * 21399 * 1176 + 5 * 4096 * 1536 + 2048);
}

// What cuda_parts.cc asks for, bfloat16 and 32 slots, on a card of 24 GiB that nobody else uses.
// The workspace is what an H100's log said.
MemoryPlan PlanOf24GiB(const PassLimits& limits) {
  constexpr int64_t kContextBytes = 400'000'000;
  constexpr int64_t kContextBlocks = 65536 / 128;
  const ModelConfig config = GlyphConfig();
  return *PlanMemory({.total_bytes = int64_t{24} << 30,
                      .free_bytes = (int64_t{24} << 30) - kContextBytes,
                      .context_bytes = kContextBytes,
                      .weights_bytes = 2 * 10'292'777'472 + RotaryBytes(config),
                      .vision_bytes = 2 * limits.page_tokens * 4096 * 2,
                      .activations_bytes = 2 * ScratchValues(config, limits) + 32 * 518 * 4,
                      .page_bytes = 2 * PageValues(config.vision, limits.page_tokens),
                      .workspace_bytes = 260'000'000,
                      .graphs_bytes = 7 * (int64_t{16} << 20),
                      .code_bytes = int64_t{160} << 20,
                      .block_bytes = 40 * 2 * 2 * 128 * 2 * 128 + 1,
                      .max_blocks = 32 * kContextBlocks,
                      .max_pages = 2,
                      .wished_blocks = kContextBlocks});
}

TEST(PassSizes, DefaultsFit24GiB) {
  const MemoryPlan plan = PlanOf24GiB(GlyphLimits());
  EXPECT_EQ(plan.num_pages, 1);
  EXPECT_GT(plan.num_blocks * 128, 36'000);
}

// 15,000 tokens: 1,036 x 11,340 px, the longest page that is not resized.
TEST(PassSizes, SmallerPagesAndChunksHoldAWholeContextIn24GiB) {
  PassLimits limits = GlyphLimits();
  limits.page_tokens = 15'000;
  limits.chunk_tokens = 2048;
  EXPECT_GT(PlanOf24GiB(limits).num_blocks * 128, 60'000);
  limits.page_tokens = 8192;
  EXPECT_GE(PlanOf24GiB(limits).num_blocks * 128, 65'536);
}

}  // namespace
}  // namespace glyph::vlm
