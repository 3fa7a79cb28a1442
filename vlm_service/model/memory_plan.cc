#include "vlm_service/model/memory_plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace glyph::vlm {
namespace {

// The driver hands out memory in pieces of this size.
constexpr int64_t kGranularity = int64_t{2} << 20;

int64_t Rounded(int64_t bytes) { return (bytes + kGranularity - 1) / kGranularity * kGranularity; }

MemoryPlan Split(const MemoryNeeds& needs, int64_t budget_bytes, int64_t num_pages) {
  MemoryPlan plan;
  plan.budget_bytes = budget_bytes;
  plan.num_pages = num_pages;
  plan.component_bytes = {
      {"weights", Rounded(needs.weights_bytes)},
      {"vision", Rounded(needs.vision_bytes)},
      {"activations", Rounded(needs.activations_bytes + num_pages * needs.page_bytes)},
      {"workspace", Rounded(needs.workspace_bytes)}};
  plan.planned_bytes = needs.context_bytes + needs.graphs_bytes + needs.code_bytes;
  for (const auto& [component, bytes] : plan.component_bytes) plan.planned_bytes += bytes;
  // Two pieces may be rounded up: the cache's own and its part of the workspace.
  plan.planned_bytes += 2 * kGranularity;
  const int64_t left = budget_bytes - plan.planned_bytes;
  plan.num_blocks = std::min(needs.max_blocks, std::max<int64_t>(left, 0) / needs.block_bytes);
  plan.planned_bytes += plan.num_blocks * needs.block_bytes;
  return plan;
}

absl::Status TooLarge(const MemoryNeeds& needs, const MemoryPlan& plan) {
  const int64_t cache_bytes = needs.min_blocks * needs.block_bytes;
  const int64_t needed_bytes =
      plan.planned_bytes - plan.num_blocks * needs.block_bytes + cache_bytes;
  return absl::ResourceExhaustedError(absl::StrCat(
      "the model needs ", needed_bytes, " bytes of GPU memory (weights ", needs.weights_bytes,
      ", vision ", needs.vision_bytes, ", activations ", needs.activations_bytes,
      ", a page in work ", needs.page_bytes, ", workspace ", needs.workspace_bytes, ", graphs ",
      needs.graphs_bytes, ", code ", needs.code_bytes, ", context ", needs.context_bytes,
      ", KV cache at least ", cache_bytes, ") and the budget is ", plan.budget_bytes,
      "; lower --max-page-tokens, --max-chunk or --max-running, raise --gpu-memory-budget or use "
      "a larger GPU"));
}

}  // namespace

absl::StatusOr<MemoryPlan> PlanMemory(const MemoryNeeds& needs) {
  const int64_t available = needs.free_bytes + needs.context_bytes;
  const int64_t budget = needs.budget_bytes > 0 ? needs.budget_bytes : available;
  if (budget > available) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the GPU memory budget is ", budget, " bytes and ", available, " of ", needs.total_bytes,
        " are free; lower --gpu-memory-budget or end what else uses the GPU"));
  }
  for (int64_t num_pages = needs.max_pages; num_pages > 1; --num_pages) {
    MemoryPlan plan = Split(needs, budget, num_pages);
    if (plan.num_blocks >= std::max(needs.min_blocks, needs.wished_blocks)) return plan;
  }
  MemoryPlan plan = Split(needs, budget, 1);
  if (plan.num_blocks < needs.min_blocks) return TooLarge(needs, plan);
  return plan;
}

}  // namespace glyph::vlm
