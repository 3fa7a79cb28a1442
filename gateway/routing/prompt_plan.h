#pragma once
#include <memory>
#include <vector>

#include "gateway/routing/page_pump.h"
#include "gateway/routing/part_render.h"
#include "glyph/v1/gateway.pb.h"
#include "glyph/v1/vlm.pb.h"

namespace glyph::gateway {

// What a request becomes once the renderer's bounds are known.
struct PromptPlan {
  v1::AskPlan plan;                       // for the client
  v1::GenerateStart start;                // for the model
  std::vector<PagePump::Source> sources;  // where the pages come from, in order
};

// Lays out the prompt: texts pass, every document and image becomes room for its pages. Parts that
// hold nothing are left out of the prompt. `renders`: one for each document and image, in order,
// their plans read. INVALID_ARGUMENT: EMPTY_DOCUMENT when there are documents, none of them has a
// page and there is no image; TOO_MANY_PAGES above 256.
absl::StatusOr<PromptPlan> PlanPrompt(const v1::AskRequest& request,
                                      const std::vector<std::unique_ptr<PartRender>>& renders);

// The answer to a request all of whose documents are blank.
absl::Status EmptyDocumentError();

}  // namespace glyph::gateway
