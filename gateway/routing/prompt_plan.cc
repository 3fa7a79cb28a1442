#include "gateway/routing/prompt_plan.h"

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

// Of one Generate call (vlm.proto, PageGroup).
constexpr uint32_t kMaxPromptPages = 256;

// Adds room for the pages of `render` to the prompt and its bounds to the client's plan.
void AddPages(PartRender& render, PromptPlan& plan) {
  const v1::RenderPlan& bounds = render.plan();
  v1::AskPlan& total = plan.plan;
  total.set_max_pages(total.max_pages() + bounds.max_pages());
  total.set_max_visual_tokens(total.max_visual_tokens() + bounds.max_visual_tokens());
  total.set_characters(total.characters() + bounds.characters());
  const auto vlm_part = static_cast<uint32_t>(plan.start.parts_size());
  plan.sources.push_back({&render, vlm_part});
  if (bounds.max_pages() == 0) return;
  v1::PageGroup& group = *plan.start.add_parts()->mutable_pages();
  group.set_max_pages(bounds.max_pages());
  group.set_max_visual_tokens(bounds.max_visual_tokens());
}

}  // namespace

absl::Status EmptyDocumentError() {
  return rpc::InvalidArgument("EMPTY_DOCUMENT", "parts",
                              "the documents hold nothing that can be drawn; send at least one "
                              "visible character, or ask without a document");
}

absl::StatusOr<PromptPlan> PlanPrompt(const v1::AskRequest& request,
                                      const std::vector<std::unique_ptr<PartRender>>& renders) {
  PromptPlan plan;
  plan.plan.set_request_id(request.request_id());
  plan.start.set_request_id(request.request_id());
  *plan.start.mutable_options() = request.generation();
  plan.start.set_allow_profile_mismatch(request.allow_profile_mismatch());
  *plan.start.mutable_forced_output_ids() = request.forced_output_ids();
  size_t next_render = 0;
  for (const v1::AskPart& part : request.parts()) {
    if (!part.has_text()) {
      AddPages(*renders[next_render++], plan);
    } else if (!part.text().empty()) {
      plan.start.add_parts()->set_text(part.text());
    }
  }
  const uint32_t max_pages = plan.plan.max_pages();
  if (!renders.empty() && max_pages == 0) return EmptyDocumentError();
  if (max_pages > kMaxPromptPages) {
    return rpc::InvalidArgument(
        "TOO_MANY_PAGES", "parts",
        absl::StrCat("the request needs up to ", max_pages, " pages; at most ", kMaxPromptPages,
                     " fit into one request: send fewer or shorter documents"));
  }
  return plan;
}

}  // namespace glyph::gateway
