#include "gateway/http/page_lines.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gateway/http/json_text.h"

namespace glyph::gateway {
namespace {

std::string PlanLine(const v1::RenderPlan& plan) {
  return JsonText({{"object", "render.plan"},
                   {"max_pages", plan.max_pages()},
                   {"max_visual_tokens", plan.max_visual_tokens()},
                   {"characters", plan.characters()}}) +
         "\n";
}

std::string DoneLine(const v1::RenderDone& done) {
  const v1::RenderDiagnostics& odd = done.diagnostics();
  return JsonText({{"object", "render.done"},
                   {"pages", done.pages()},
                   {"characters", done.characters()},
                   {"diagnostics",
                    {{"replaced_bytes", odd.replaced_bytes()},
                     {"missing_glyphs", odd.missing_glyphs()},
                     {"control_characters", odd.control_characters()},
                     {"capped_marks", odd.capped_marks()},
                     {"blank_pages", odd.blank_pages()},
                     {"empty", odd.empty()}}}}) +
         "\n";
}

}  // namespace

std::string PageLines::Add(const v1::RenderResponse& event) {
  switch (event.event_case()) {
    case v1::RenderResponse::kPlan:
      return PlanLine(event.plan());
    case v1::RenderResponse::kPage: {
      std::string line = TakePage();
      page_ = event.page();
      return line;
    }
    case v1::RenderResponse::kStrip:
      pixels_.append(event.strip().pixels());
      return "";
    case v1::RenderResponse::kDone:
      return TakePage() + DoneLine(event.done());
    case v1::RenderResponse::kSourceMap:
    case v1::RenderResponse::EVENT_NOT_SET:
      return "";
  }
  return "";
}

std::string PageLines::TakePage() {
  const std::string pixels = std::exchange(pixels_, {});
  if (pixels.empty() || pixels.size() != size_t{page_.width_px()} * page_.height_px()) return "";
  const std::string_view file = encoder_.Encode(page_.width_px(), page_.height_px(), pixels);
  std::string url;
  absl::Base64Escape({file.data(), file.size()}, &url);
  return JsonText({{"object", "render.page"},
                   {"index", page_.page_index()},
                   {"width_px", page_.width_px()},
                   {"height_px", page_.height_px()},
                   {"image_url", absl::StrCat("data:image/png;base64,", url)}}) +
         "\n";
}

}  // namespace glyph::gateway
