#include "vlm_service/model/image_preprocessor.h"

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/base/sha256.h"
#include "tests/vlm_service/model/synthetic_checkpoint.h"
#include "vlm_service/model/page_fitting.h"
#include "vlm_service/ops/cpu_ops.h"
#include "vlm_service/prompt/page_grid.h"

namespace glyph::vlm {
namespace {

ModelConfig NanoConfig() { return *LoadModelConfig("deploy/models/nano"); }

std::string Digest(const at::Tensor& tensor) {
  const at::Tensor dense = tensor.contiguous();
  base::Sha256 hash;
  hash.Update(std::string_view(static_cast<const char*>(dense.data_ptr()), dense.nbytes()));
  return base::ToHex(hash.Finish());
}

TEST(ImagePreprocessorTest, PatchesOfUploadsAreHuggingFacesBitForBit) {
  CpuOps ops;
  std::ifstream file("tests/golden/model/preprocessing.json");
  const nlohmann::json rows = nlohmann::json::parse(file);
  ASSERT_EQ(rows.size(), 72u);
  for (const nlohmann::json& row : rows) {
    ModelConfig config = NanoConfig();
    config.pages = PageLimits{};
    if (!row["size"].is_null()) {
      config.pages.min_pixels = row["size"]["shortest_edge"];
      config.pages.max_pixels = row["size"]["longest_edge"];
    }
    const PageImage page =
        SyntheticPage("upload", 11, row["width"], row["height"], row["mode"] == "RGB" ? 3 : 1);
    const PageGrid grid = *PageGridOf(page.origin, page.width, page.height, config.pages);
    EXPECT_EQ((std::vector<int>{grid.rows, grid.cols}), row["grid"].get<std::vector<int>>());
    ActivationArena memory(at::kFloat);
    const at::Tensor patches =
        ImagePreprocessor(config, at::kFloat, ops).Patches(page, grid, memory);
    EXPECT_EQ(Digest(patches), row["sha256"]) << row;
  }
}

TEST(ImagePreprocessorTest, FittedPageHasTheSamePatches) {
  CpuOps ops;
  const ImagePreprocessor preprocessor(NanoConfig(), at::kFloat, ops);
  for (const int channels : {1, 3}) {
    const PageImage page = SyntheticPage("upload", 7, 301, 187, channels);
    const PageGrid grid = {.rows = 7, .cols = 11};
    const PageImage fitted = *FitPage(page, grid, 28);
    EXPECT_EQ(fitted.height, 7 * 28);
    EXPECT_EQ(fitted.width, 11 * 28);
    EXPECT_EQ(fitted.key, page.key);
    EXPECT_EQ(FitPage(fitted, grid, 28)->pixels, fitted.pixels);
    ActivationArena memory(at::kFloat);
    const at::Tensor patches = preprocessor.Patches(page, grid, memory);
    EXPECT_TRUE(patches.equal(preprocessor.Patches(fitted, grid, memory))) << channels;
  }
}

TEST(ImagePreprocessorTest, RefusesToResizeARenderedPage) {
  PageImage page = SyntheticPage("rendered", 7, 56, 84);
  page.origin = PageOrigin::kRendered;
  EXPECT_EQ(FitPage(page, {.rows = 2, .cols = 2}, 28).status().code(), absl::StatusCode::kInternal);
}

TEST(ImagePreprocessorTest, RenderedGrayPageIsItsRgbPage) {
  CpuOps ops;
  PageImage gray = SyntheticPage("rendered", 3, 84, 56, 1);
  gray.origin = PageOrigin::kRendered;
  PageImage rgb = gray;
  rgb.channels = 3;
  rgb.pixels.clear();
  for (const uint8_t value : gray.pixels) rgb.pixels.insert(rgb.pixels.end(), 3, value);
  const ImagePreprocessor preprocessor(NanoConfig(), at::kFloat, ops);
  const PageGrid grid = {.rows = 2, .cols = 3};
  ActivationArena memory(at::kFloat);

  const at::Tensor patches = preprocessor.Patches(gray, grid, memory);

  EXPECT_EQ(patches.sizes(), (std::vector<int64_t>{24, 1176}));
  EXPECT_TRUE(patches.equal(preprocessor.Patches(rgb, grid, memory)));
}

// One white patch: the second of the second cell's second row, cells and patches in row order.
TEST(ImagePreprocessorTest, PatchesGoCellByCell) {
  CpuOps ops;
  PageImage page;
  page.width = 56;
  page.height = 28;
  page.pixels.assign(56 * 28, 0);
  for (int y = 14; y < 28; ++y) {
    for (int x = 42; x < 56; ++x) page.pixels[y * 56 + x] = 255;
  }
  ActivationArena memory(at::kFloat);
  const at::Tensor patches = ImagePreprocessor(NanoConfig(), at::kFloat, ops)
                                 .Patches(page, {.rows = 1, .cols = 2}, memory);
  for (int patch = 0; patch < 8; ++patch) {
    EXPECT_EQ(patches[patch][0].item<float>() > 0, patch == 7) << patch;
  }
}

TEST(ImagePreprocessorTest, Bfloat16IsTheRoundedFloat) {
  CpuOps ops;
  const PageImage page = SyntheticPage("upload", 11, 112, 112);
  const PageGrid grid = {.rows = 4, .cols = 4};
  ActivationArena wide_memory(at::kFloat);
  ActivationArena narrow_memory(at::kBFloat16);
  const at::Tensor wide =
      ImagePreprocessor(NanoConfig(), at::kFloat, ops).Patches(page, grid, wide_memory);
  const at::Tensor narrow =
      ImagePreprocessor(NanoConfig(), at::kBFloat16, ops).Patches(page, grid, narrow_memory);
  EXPECT_TRUE(narrow.equal(wide.to(at::kBFloat16)));
}

}  // namespace
}  // namespace glyph::vlm
