#include "render_service/pipeline/self_test.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"
#include "render_service/pipeline/text_task.h"

namespace glyph::render {
namespace {

constexpr uint8_t kInk = 64;  // gray below it is a glyph, not a speck
constexpr char kText[] = "Self-test 0123 \xE6\x96\x87\xE5\xAD\x97";

// Whether a page of kText comes out with ink on it and every glyph in the font.
absl::StatusOr<bool> Draws(const ProfileCatalog& catalog, const std::string& profile) {
  GLYPH_ASSIGN_OR_RETURN(auto resolved, catalog.Find(profile));
  TextTask task(kText, {.profile = std::move(resolved), .max_pages = 1});
  WorkerTools tools;
  bool has_ink = false;
  while (true) {
    GLYPH_ASSIGN_OR_RETURN(const RenderEvent event, task.Step(tools));
    if (const auto* page = std::get_if<RenderedPage>(&event)) {
      has_ink = *std::min_element(page->pixels.begin(), page->pixels.end()) < kInk;
    }
    if (const auto* summary = std::get_if<RenderSummary>(&event)) {
      return has_ink && summary->oddities.missing_glyphs == 0;
    }
  }
}

}  // namespace

absl::Status SelfTest(const ProfileCatalog& catalog) {
  for (const std::string& profile : catalog.names()) {
    const absl::StatusOr<bool> draws = Draws(catalog, profile);
    if (draws.ok() && *draws) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("the self-test of the profile ", profile, " failed",
                     draws.ok() ? ": a page lacks its ink" : ": ", draws.status().message(),
                     "; install fonts-noto-cjk, fonts-noto-core and fonts-symbola"));
  }
  return absl::OkStatus();
}

}  // namespace glyph::render
