#include "vlm_service/model/pass_sizes.h"

#include "gtest/gtest.h"

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
          .wide_rows = 4096};
}

// Hidden state, queries, and the keys and values of two layers; two int32 of bfloat16's size.
TEST(PassSizes, PageHasSixTensorsOfItsPatches) {
  const int64_t patches = 4 * 21399;
  EXPECT_EQ(PageValues(GlyphConfig().vision, 21399), patches * (6 * 1536 + 4) + 2048);
}

TEST(PassSizes, LongChunkIsTheLargestPass) {
  const int64_t rows = 3 * 8192 * 4096 + 8192 * 68 * 128;
  const int64_t wide = 3 * 4096 * 13696;
  EXPECT_EQ(ScratchValues(GlyphConfig(), GlyphLimits()), rows + wide + 4096 + 151552 + 2048);
}

TEST(PassSizes, ShortChunkLeavesTheVisionUnit) {
  PassLimits limits = GlyphLimits();
  limits.chunk_tokens = 1024;
  EXPECT_EQ(ScratchValues(GlyphConfig(), limits), 8192 * (8 * 1536 + 3 * 4096) + 2048);
}

TEST(PassSizes, ManyRowsOfLogitsCount) {
  PassLimits limits = GlyphLimits();
  limits.chunk_tokens = 1;
  limits.unit_tokens = 1;
  limits.page_tokens = 1;
  limits.decode_rows = 1024;
  const int64_t rows = 1024 * (3 * 4096 + 68 * 128 + 3 * 13696);
  EXPECT_EQ(ScratchValues(GlyphConfig(), limits), rows + 1024 * (4096 + 151552) + 2048);
}

TEST(PassSizes, LargePageBeginsWithItsPatches) {
  PassLimits limits = GlyphLimits();
  limits.chunk_tokens = 1;
  limits.unit_tokens = 1;
  EXPECT_EQ(ScratchValues(GlyphConfig(), limits), 4 * 21399 * 1176 + 5 * 4096 * 1536 + 2048);
}

}  // namespace
}  // namespace glyph::vlm
