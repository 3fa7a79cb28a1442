#include "vlm_service/model/memory_plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace glyph::vlm {
namespace {

// The driver hands out memory in pieces of this size.
constexpr int64_t kGranularity = int64_t{2} << 20;

int64_t Rounded(int64_t bytes) { return (bytes + kGranularity - 1) / kGranularity * kGranularity; }

}  // namespace

absl::StatusOr<MemoryPlan> PlanMemory(const MemoryNeeds& needs) {
  const int64_t available = needs.free_bytes + needs.context_bytes;
  MemoryPlan plan;
  plan.budget_bytes = needs.budget_bytes > 0 ? needs.budget_bytes : available;
  if (plan.budget_bytes > available) {
    return absl::ResourceExhaustedError(absl::StrCat("the GPU memory budget is ", plan.budget_bytes,
                                                     " bytes and ", available, " of ",
                                                     needs.total_bytes,
                                                     " are free; lower --gpu-memory-budget or end "
                                                     "what else uses the GPU"));
  }
  plan.component_bytes = {{"weights", Rounded(needs.weights_bytes)},
                          {"vision", Rounded(needs.vision_bytes)},
                          {"activations", Rounded(needs.activations_bytes)},
                          {"workspace", Rounded(needs.workspace_bytes)}};
  plan.planned_bytes = needs.context_bytes + needs.graphs_bytes;
  for (const auto& [component, bytes] : plan.component_bytes) plan.planned_bytes += bytes;
  // Two pieces may be rounded up: the cache's own and its part of the workspace.
  plan.planned_bytes += 2 * kGranularity;
  const int64_t left = plan.budget_bytes - plan.planned_bytes;
  plan.num_blocks = std::min(needs.max_blocks, std::max<int64_t>(left, 0) / needs.block_bytes);
  if (plan.num_blocks < needs.min_blocks) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the model needs ", plan.planned_bytes + needs.min_blocks * needs.block_bytes,
        " bytes of GPU memory (weights ", needs.weights_bytes, ", vision ", needs.vision_bytes,
        ", activations ", needs.activations_bytes, ", workspace ", needs.workspace_bytes,
        ", graphs ", needs.graphs_bytes, ", context ", needs.context_bytes, ", KV cache at least ",
        needs.min_blocks * needs.block_bytes, ") and the budget is ", plan.budget_bytes,
        "; raise --gpu-memory-budget or use a larger GPU"));
  }
  plan.planned_bytes += plan.num_blocks * needs.block_bytes;
  return plan;
}

}  // namespace glyph::vlm
