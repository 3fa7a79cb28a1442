#include "render_service/pipeline/worker_tools.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"

namespace glyph::render {

FontTools::FontTools(std::unique_ptr<TextShaper> text_shaper, const FontStyle& style)
    : shaper(std::move(text_shaper)), masks(*shaper) {
  if (GlyphTable::Supports(style)) learned.emplace(*shaper);
}

absl::StatusOr<FontTools*> WorkerTools::ToolsFor(const ResolvedProfile& profile, bool for_han) {
  const auto it = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.fingerprint == profile.fingerprint && entry.for_han == for_han;
  });
  if (it != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, it);
    return entries_.front().tools.get();
  }
  const FontStyle& font = for_han ? *profile.profile.han_font : profile.profile.font;
  auto shaper = TextShaper::Create(*profile.font_file, font);
  if (!shaper.ok()) {
    return rpc::InvalidArgument("PROFILE_INVALID", "render.profile_json",
                                absl::StrCat("render profile: ", shaper.status().message()));
  }
  entries_.push_front({profile.fingerprint, for_han, profile.fonts,
                       std::make_unique<FontTools>(*std::move(shaper), font)});
  if (entries_.size() > kMaxFonts) entries_.pop_back();
  return entries_.front().tools.get();
}

}  // namespace glyph::render
