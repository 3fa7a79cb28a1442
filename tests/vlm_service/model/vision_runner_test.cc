#include "vlm_service/model/vision_runner.h"

#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "ATen/Parallel.h"
#include "ATen/ops/empty.h"
#include "c10/core/InferenceMode.h"
#include "gtest/gtest.h"
#include "tests/vlm_service/model/synthetic_checkpoint.h"
#include "vlm_service/ops/cpu_ops.h"

namespace glyph::vlm {
namespace {

constexpr int64_t kMaxTokens = 100;

struct EncodedPage {
  PageId id;
  PageGrid grid;
  std::shared_ptr<const PageImage> image;
};

class VisionRunnerTest : public testing::TestWithParam<std::pair<const char*, at::ScalarType>> {
 protected:
  VisionRunnerTest()
      : num_threads_(at::get_num_threads()),
        type_(GetParam().second),
        folder_(MakeSyntheticModel(GetParam().first)),
        config_(*LoadModelConfig(folder_)),
        weights_(*ModelWeights::Load(folder_, config_, type_, ops_)),
        scratch_(type_),
        pages_{MakePage(1, {.rows = 7, .cols = 5}), MakePage(2, {.rows = 3, .cols = 9})} {}

  EncodedPage MakePage(int64_t id, PageGrid grid) const {
    const int32_t px = config_.pages.token_px();
    const std::string name = "page" + std::to_string(id);
    return {
        PageId{id}, grid,
        std::make_shared<const PageImage>(SyntheticPage(name, 3, grid.cols * px, grid.rows * px))};
  }

  ExecutorLimits Limits(int64_t unit_tokens) const {
    ExecutorLimits limits;
    limits.max_vision_tokens = kMaxTokens;
    limits.vision_layers = static_cast<int32_t>(config_.vision.depth);
    limits.vision_unit_tokens = unit_tokens;
    return limits;
  }

  std::unique_ptr<VisionRunner> Runner(int64_t unit_tokens) {
    return std::make_unique<VisionRunner>(config_, weights_->vision(), Limits(unit_tokens), type_,
                                          scratch_, ops_);
  }

  // Small products are slower on several threads, far slower on a busy machine.
  void SetUp() override { at::set_num_threads(1); }
  void TearDown() override { at::set_num_threads(num_threads_); }

  // Runs `count` units, then leaves the scratch memory as another pass would.
  void Run(VisionRunner& runner, const EncodedPage& page, int32_t first, int32_t count) {
    runner.Run({.page = page.id,
                .image = page.image,
                .grid = page.grid,
                .first_unit = first,
                .num_units = count});
    scratch_.Reset();
    scratch_.Take(500, 300).fill_(std::nan(""));
  }

  at::Tensor Output(VisionRunner& runner, const EncodedPage& page) const {
    at::Tensor out = at::empty({page.grid.num_tokens(), config_.text.hidden_size});
    runner.Load(page.id, 0, out);
    return out;
  }

  const int num_threads_;
  const c10::InferenceMode no_autograd_;
  const at::ScalarType type_;
  const std::string folder_;
  const ModelConfig config_;
  CpuOps ops_;
  const std::unique_ptr<ModelWeights> weights_;
  ActivationArena scratch_;
  const std::vector<EncodedPage> pages_;
};

INSTANTIATE_TEST_SUITE_P(Models, VisionRunnerTest,
                         testing::Values(std::pair("all_kv_heads_vision_bias", at::kFloat),
                                         std::pair("deep_six_sections_odd_patches", at::kFloat),
                                         std::pair("wide_four_pages", at::kBFloat16)),
                         [](const auto& info) { return std::string(info.param.first); });

TEST_P(VisionRunnerTest, OutputsHaveTheSameBitsHoweverUnitsAreGrouped) {
  constexpr int64_t kUnitTokens = 8;
  const auto whole = Runner(kUnitTokens);
  for (const EncodedPage& page : pages_) {
    Run(*whole, page, 0, Limits(kUnitTokens).VisionUnits(page.grid));
  }
  std::minstd_rand random(9);
  for (const int32_t most : {1, 2, 5}) {
    const auto sliced = Runner(kUnitTokens);
    std::vector<int32_t> done(pages_.size(), 0);
    bool left = true;
    while (left) {
      left = false;
      for (size_t i = 0; i < pages_.size(); ++i) {
        const int32_t units = Limits(kUnitTokens).VisionUnits(pages_[i].grid) - done[i];
        if (units == 0) continue;
        const int32_t count = std::min<int32_t>(units, 1 + static_cast<int32_t>(random()) % most);
        Run(*sliced, pages_[i], done[i], count);
        done[i] += count;
        left = true;
      }
    }
    for (const EncodedPage& page : pages_) {
      EXPECT_TRUE(Output(*sliced, page).equal(Output(*whole, page))) << "at most " << most;
    }
  }
}

TEST_P(VisionRunnerTest, PartsOfAPageGiveTheWholePage) {
  const auto whole = Runner(0);
  const auto parts = Runner(6);
  for (const EncodedPage& page : pages_) {
    Run(*whole, page, 0, Limits(0).VisionUnits(page.grid));
    Run(*parts, page, 0, Limits(6).VisionUnits(page.grid));
    const at::Tensor expected = Output(*whole, page).to(at::kDouble);
    const at::Tensor difference = Output(*parts, page).to(at::kDouble).sub(expected);
    const double bound = type_ == at::kFloat ? 1e-5 : 1.0 / 64;
    EXPECT_LE(difference.abs().max().item<double>(), bound * expected.abs().max().item<double>());
  }
}

TEST_P(VisionRunnerTest, APageReleasedBeforeItsLastUnitIsForgotten) {
  const auto runner = Runner(8);
  Run(*runner, pages_[0], 0, 2);
  EXPECT_GT(runner->outputs().used_bytes(), 0);
  EXPECT_GT(runner->work_bytes(), 0);
  runner->Release(pages_[0].id);
  EXPECT_EQ(runner->outputs().used_bytes(), 0);
  EXPECT_ANY_THROW(Run(*runner, pages_[0], 2, 1));
  const int64_t kept = runner->work_bytes();
  const EncodedPage again = MakePage(3, pages_[0].grid);
  Run(*runner, again, 0, 1);
  EXPECT_EQ(runner->work_bytes(), kept);
}

TEST_P(VisionRunnerTest, UnitsOutOfOrderAreRefused) {
  const auto runner = Runner(8);
  Run(*runner, pages_[0], 0, 2);
  EXPECT_ANY_THROW(Run(*runner, pages_[0], 3, 1));
  EXPECT_ANY_THROW(Run(*runner, pages_[1], 1, 1));
  EXPECT_ANY_THROW(Run(*runner, pages_[0], 2, Limits(8).VisionUnits(pages_[0].grid)));
}

}  // namespace
}  // namespace glyph::vlm
