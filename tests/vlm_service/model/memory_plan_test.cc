#include "vlm_service/model/memory_plan.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

using ::testing::HasSubstr;

constexpr int kCases = 100'000;
constexpr int64_t kPiece = int64_t{2} << 20;

int64_t InPieces(int64_t bytes) { return (bytes + kPiece - 1) / kPiece * kPiece; }

// A GPU alone, of 80 GB, and a model of Glyph's size.
MemoryNeeds GlyphNeeds() {
  return {.total_bytes = int64_t{80} << 30,
          .free_bytes = int64_t{79} << 30,
          .context_bytes = int64_t{600} << 20,
          .budget_bytes = int64_t{60} << 30,
          .weights_bytes = int64_t{20} << 30,
          .vision_bytes = 268'435'712,
          .activations_bytes = 1'234'567'890,
          .page_bytes = 1'578'194'944,
          .workspace_bytes = 345'678'901,
          .graphs_bytes = int64_t{112} << 20,
          .code_bytes = int64_t{160} << 20,
          .block_bytes = 5'247'011,
          .min_blocks = 1,
          .max_blocks = 1'000'000};
}

// What all but the cache takes, and what rounding its two pieces may add.
int64_t FixedBytes(const MemoryNeeds& needs, int64_t num_pages = 1) {
  return needs.context_bytes + needs.graphs_bytes + needs.code_bytes +
         InPieces(needs.weights_bytes) + InPieces(needs.vision_bytes) +
         InPieces(needs.activations_bytes + num_pages * needs.page_bytes) +
         InPieces(needs.workspace_bytes) + 2 * kPiece;
}

int64_t NeededBytes(const MemoryNeeds& needs, int64_t blocks, int64_t num_pages = 1) {
  return FixedBytes(needs, num_pages) + blocks * needs.block_bytes;
}

class RandomNeeds {
 public:
  // Often near the limits.
  MemoryNeeds Next() {
    MemoryNeeds needs;
    needs.total_bytes = Size(int64_t{1} << 30, int64_t{200} << 30);
    needs.context_bytes = Size(0, needs.total_bytes / 8);
    const int64_t for_others = needs.total_bytes - needs.context_bytes;
    needs.free_bytes = for_others - Size(0, for_others);
    needs.weights_bytes = Size(1, needs.total_bytes / 2);
    needs.vision_bytes = Size(1, needs.total_bytes / 16);
    needs.activations_bytes = Size(1, needs.total_bytes / 16);
    needs.page_bytes = Size(0, needs.total_bytes / 16);
    needs.workspace_bytes = Size(1, needs.total_bytes / 32);
    needs.graphs_bytes = Size(0, int64_t{1} << 30);
    needs.code_bytes = Size(0, int64_t{1} << 28);
    needs.block_bytes = Size(256, int64_t{64} << 20);
    needs.min_blocks = Size(1, 2000);
    needs.max_blocks = needs.min_blocks + Size(0, 100'000);
    needs.max_pages = Between(1, 3);
    needs.wished_blocks = Size(1, needs.max_blocks);
    switch (Between(0, 3)) {
      case 0:
        needs.budget_bytes = 0;
        break;
      case 1:
        needs.budget_bytes = Size(1, needs.total_bytes);
        break;
      case 2:
        needs.budget_bytes = needs.free_bytes + needs.context_bytes + Between(-1, 1);
        break;
      default:
        needs.budget_bytes = NeededBytes(needs, needs.min_blocks + Between(-1, 2)) + Between(-1, 1);
    }
    needs.budget_bytes = std::max<int64_t>(0, needs.budget_bytes);
    return needs;
  }

  int64_t Between(int64_t least, int64_t most) {
    return std::uniform_int_distribution<int64_t>(least, most)(random_);
  }

 private:
  // Of any order of magnitude.
  int64_t Size(int64_t least, int64_t most) {
    const double logarithm = std::uniform_real_distribution<double>(
        0, std::log1p(static_cast<double>(most - least)))(random_);
    return std::min(most, least + static_cast<int64_t>(std::expm1(logarithm)));
  }

  std::mt19937_64 random_{20260114};
};

// What the process holds with the plan when `cache_bytes` of a block lie in the cache's own piece
// and the others in the workspace.
int64_t HeldBytes(const MemoryNeeds& needs, const MemoryPlan& plan, int64_t cache_bytes) {
  int64_t held = needs.context_bytes + needs.graphs_bytes + needs.code_bytes;
  for (const auto& [component, bytes] : plan.component_bytes) {
    if (component != "workspace") held += InPieces(bytes);
  }
  return held + InPieces(plan.num_blocks * cache_bytes) +
         InPieces(plan.component_bytes.at("workspace") +
                  plan.num_blocks * (needs.block_bytes - cache_bytes));
}

TEST(PlanMemory, GivesTheCacheAllThatFitsAndNoMore) {
  RandomNeeds random;
  int num_plans = 0;
  for (int i = 0; i < kCases; ++i) {
    const MemoryNeeds needs = random.Next();
    const auto plan = PlanMemory(needs);
    if (!plan.ok()) continue;
    ++num_plans;
    const int64_t available = needs.free_bytes + needs.context_bytes;
    ASSERT_EQ(plan->budget_bytes, needs.budget_bytes > 0 ? needs.budget_bytes : available);
    ASSERT_LE(plan->budget_bytes, available);
    ASSERT_LE(plan->planned_bytes, plan->budget_bytes);
    const int64_t cache_bytes = random.Between(0, needs.block_bytes);
    ASSERT_LE(HeldBytes(needs, *plan, cache_bytes), plan->planned_bytes);
    ASSERT_GE(plan->num_blocks, needs.min_blocks);
    ASSERT_LE(plan->num_blocks, needs.max_blocks);
    if (plan->num_blocks < needs.max_blocks) {
      ASSERT_GT(NeededBytes(needs, plan->num_blocks + 1, plan->num_pages), plan->budget_bytes);
    }
    ASSERT_GE(plan->num_pages, 1);
    ASSERT_LE(plan->num_pages, needs.max_pages);
    const int64_t wished = std::max(needs.min_blocks, needs.wished_blocks);
    if (plan->num_pages > 1) {
      ASSERT_GE(plan->num_blocks, wished);
    }
    if (plan->num_pages < needs.max_pages) {
      ASSERT_GT(NeededBytes(needs, wished, plan->num_pages + 1), plan->budget_bytes);
    }
    ASSERT_GE(plan->component_bytes.at("weights"), needs.weights_bytes);
    ASSERT_GE(plan->component_bytes.at("vision"), needs.vision_bytes);
    ASSERT_GE(plan->component_bytes.at("activations"),
              needs.activations_bytes + plan->num_pages * needs.page_bytes);
    ASSERT_GE(plan->component_bytes.at("workspace"), needs.workspace_bytes);
  }
  EXPECT_GT(num_plans, kCases / 10);
}

TEST(PlanMemory, RefusesOnlyWhatDoesNotFitAndSaysBothNumbers) {
  RandomNeeds random;
  int num_beyond_free = 0, num_beyond_budget = 0;
  for (int i = 0; i < kCases; ++i) {
    const MemoryNeeds needs = random.Next();
    const auto plan = PlanMemory(needs);
    if (plan.ok()) continue;
    ASSERT_EQ(plan.status().code(), absl::StatusCode::kResourceExhausted);
    const std::string message(plan.status().message());
    const int64_t available = needs.free_bytes + needs.context_bytes;
    if (needs.budget_bytes > available) {
      ++num_beyond_free;
      ASSERT_THAT(message, HasSubstr(absl::StrCat("budget is ", needs.budget_bytes, " bytes and ",
                                                  available, " of ", needs.total_bytes)));
      continue;
    }
    ++num_beyond_budget;
    const int64_t budget = needs.budget_bytes > 0 ? needs.budget_bytes : available;
    const int64_t needed = NeededBytes(needs, needs.min_blocks);
    ASSERT_GT(needed, budget);
    ASSERT_THAT(message, HasSubstr(absl::StrCat("needs ", needed, " bytes")));
    ASSERT_THAT(message, HasSubstr(absl::StrCat("budget is ", budget, ";")));
  }
  EXPECT_GT(num_beyond_free, kCases / 100);
  EXPECT_GT(num_beyond_budget, kCases / 10);
}

TEST(PlanMemory, IsExactAtTheLeastBudget) {
  for (const int64_t min_blocks : {1, 7, 1024}) {
    MemoryNeeds needs = GlyphNeeds();
    needs.min_blocks = min_blocks;
    const int64_t least = NeededBytes(needs, min_blocks);
    needs.budget_bytes = least - 1;
    EXPECT_EQ(PlanMemory(needs).status().code(), absl::StatusCode::kResourceExhausted);
    for (const int64_t more : {int64_t{0}, int64_t{1}, needs.block_bytes - 1}) {
      needs.budget_bytes = least + more;
      EXPECT_EQ(PlanMemory(needs)->num_blocks, min_blocks) << more;
    }
    needs.budget_bytes = least + needs.block_bytes;
    EXPECT_EQ(PlanMemory(needs)->num_blocks, min_blocks + 1);
  }
}

TEST(PlanMemory, IsExactWhereEverythingFreeIsTheBudget) {
  MemoryNeeds needs = GlyphNeeds();
  const int64_t available = needs.free_bytes + needs.context_bytes;
  needs.budget_bytes = available + 1;
  EXPECT_EQ(PlanMemory(needs).status().code(), absl::StatusCode::kResourceExhausted);
  needs.budget_bytes = available;
  const int64_t blocks = PlanMemory(needs)->num_blocks;
  EXPECT_EQ(blocks, (available - FixedBytes(needs)) / needs.block_bytes);
  needs.budget_bytes = 0;
  EXPECT_EQ(PlanMemory(needs)->num_blocks, blocks);
}

TEST(PlanMemory, EncodesPagesAtOnceWhereTheCacheKeepsItsWish) {
  MemoryNeeds needs = GlyphNeeds();
  needs.max_pages = 2;
  needs.wished_blocks = 512;
  needs.budget_bytes = NeededBytes(needs, 512, 2);
  EXPECT_EQ(PlanMemory(needs)->num_pages, 2);
  EXPECT_EQ(PlanMemory(needs)->num_blocks, 512);
  --needs.budget_bytes;
  EXPECT_EQ(PlanMemory(needs)->num_pages, 1);
  EXPECT_GT(PlanMemory(needs)->num_blocks, 512);
}

TEST(PlanMemory, LeavesWhatNobodyCanUse) {
  MemoryNeeds needs = GlyphNeeds();
  needs.max_blocks = 100;
  const auto plan = PlanMemory(needs);
  EXPECT_EQ(plan->num_blocks, 100);
  EXPECT_EQ(plan->planned_bytes, NeededBytes(needs, 100));
}

TEST(PlanMemory, RefusesAModelThatIsLargerThanItsBudget) {
  MemoryNeeds needs = GlyphNeeds();
  needs.budget_bytes = int64_t{10} << 30;
  const absl::Status status = PlanMemory(needs).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("weights 21474836480"));
}

}  // namespace
}  // namespace glyph::vlm
