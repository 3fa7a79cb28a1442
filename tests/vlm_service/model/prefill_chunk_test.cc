// Prompts read in chunks of any size get the very logits of the prompt read at once.
#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/vlm_service/model/request_batch.h"
#include "tests/vlm_service/model/synthetic_checkpoint.h"
#include "vlm_service/model/model_executor.h"
#include "vlm_service/prompt/prompt_builder.h"
#include "vlm_service/tokenizer/tokenizer.h"
#include "vlm_service/tools/png_image.h"

namespace glyph::vlm {
namespace {

std::unique_ptr<ModelExecutor> Load(const std::string& folder, const ModelConfig& config,
                                    ModelDType dtype = ModelDType::kFloat32) {
  auto executor = ModelExecutor::Create(folder, config,
                                        {.dtype = dtype,
                                         .max_slots = 8,
                                         .kv_tokens = 8192,
                                         .max_vision_tokens = 2048,
                                         .num_threads = 2});
  EXPECT_TRUE(executor.ok()) << executor.status();
  return *std::move(executor);
}

void ExpectChunksDoNotMatter(StepExecutor& executor, const std::vector<BatchRequest>& requests) {
  const std::vector<BatchAnswer> whole = AnswerTogether(executor, requests);
  for (const int64_t chunk_tokens : {16, 64, 256, 7}) {
    const std::vector<BatchAnswer> chunked = AnswerTogether(executor, requests, chunk_tokens);
    for (size_t i = 0; i < requests.size(); ++i) {
      EXPECT_EQ(chunked[i].output_ids, whole[i].output_ids) << i << ", chunks " << chunk_tokens;
      EXPECT_TRUE(chunked[i].logits == whole[i].logits) << i << ", chunks " << chunk_tokens;
    }
  }
}

// `num_before` text tokens, a page, `num_after` text tokens, placed as PromptBuilder does.
BatchRequest PageRequest(const ModelConfig& config, int32_t num_before, PageGrid grid,
                         int32_t num_after) {
  Prompt prompt;
  std::vector<int32_t> axes[3];
  int32_t position = 0;
  const auto add_text = [&](int32_t count) {
    for (int32_t i = 0; i < count; ++i, ++position) {
      prompt.ids.push_back(static_cast<int32_t>((i * 31 + count) % config.text.vocab_size));
      for (std::vector<int32_t>& axis : axes) axis.push_back(position);
    }
  };
  add_text(num_before);
  prompt.pages.push_back({.first_token = num_before, .grid = grid});
  for (int32_t i = 0; i < grid.num_tokens(); ++i) {
    prompt.ids.push_back(config.image_token_id);
    axes[0].push_back(position);
    axes[1].push_back(position + i / grid.cols);
    axes[2].push_back(position + i % grid.cols);
  }
  position += std::max(grid.rows, grid.cols);
  add_text(num_after);
  for (const std::vector<int32_t>& axis : axes) {
    prompt.positions.insert(prompt.positions.end(), axis.begin(), axis.end());
  }
  prompt.next_position = position;
  const int32_t token_px = config.pages.token_px();
  return {.prompt = std::make_shared<const Prompt>(std::move(prompt)),
          .pages = {std::make_shared<const PageImage>(
              SyntheticPage("chunk", 5, grid.cols * token_px, grid.rows * token_px))},
          .max_new_tokens = 6,
          .return_logits = true};
}

class PrefillChunkTest : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Configs, PrefillChunkTest,
                         testing::Values("one_kv_head", "all_kv_heads_vision_bias",
                                         "deep_six_sections_odd_patches"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(PrefillChunkTest, ChunksDoNotMatterOnRandomModels) {
  const std::string folder = MakeSyntheticModel(GetParam());
  const ModelConfig config = *LoadModelConfig(folder);
  for (const ModelDType dtype : {ModelDType::kFloat32, ModelDType::kBFloat16}) {
    const auto executor = Load(folder, config, dtype);
    ExpectChunksDoNotMatter(*executor, {PageRequest(config, 20, {.rows = 9, .cols = 7}, 41),
                                        PageRequest(config, 3, {.rows = 4, .cols = 11}, 230),
                                        PageRequest(config, 100, {.rows = 1, .cols = 1}, 1)});
  }
}

TEST(NanoPrefillChunkTest, ChunksDoNotMatterOnNano) {
  const std::string folder = "deploy/models/nano";
  const ModelConfig config = *LoadModelConfig(folder);
  const std::shared_ptr<const Tokenizer> tokenizer = *Tokenizer::Load(folder);
  const auto builder = *PromptBuilder::Create(tokenizer);
  const auto executor = Load(folder, config);
  std::ifstream file("tests/golden/nano_samples/pages.json");
  const nlohmann::json samples = nlohmann::json::parse(file);
  std::vector<BatchRequest> requests;
  for (const size_t index : {13, 33, 42, 44}) {
    BatchRequest request;
    std::vector<PageGrid> grids;
    for (const std::string page : samples[index]["images"]) {
      PageImage image = *ReadPng("tests/golden/nano_samples/" + page);
      grids.push_back(*PageGridOf(image.origin, image.width, image.height, config.pages));
      request.pages.push_back(std::make_shared<const PageImage>(std::move(image)));
    }
    const std::vector<PromptPiece> pieces = {grids, std::string(samples[index]["prompt"])};
    request.prompt = std::make_shared<const Prompt>(builder->Build(pieces));
    request.max_new_tokens = 24;
    request.stop_tokens = config.stop_token_ids;
    request.return_logits = true;
    requests.push_back(std::move(request));
  }
  ExpectChunksDoNotMatter(*executor, requests);
}

}  // namespace
}  // namespace glyph::vlm
