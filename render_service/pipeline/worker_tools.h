#pragma once
#include <list>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "render_service/fonts/learned_font.h"
#include "render_service/fonts/text_shaper.h"
#include "render_service/layout/profile_catalog.h"
#include "render_service/raster/glyph_masks.h"

namespace glyph::render {

// What one worker draws a profile's font with.
struct FontTools {
  FontTools(std::unique_ptr<TextShaper> text_shaper, const FontStyle& style);

  const std::unique_ptr<TextShaper> shaper;
  std::optional<LearnedFont> learned;  // nullopt where the style does not support one
  GlyphMasks masks;
};

// What a worker thread keeps between jobs: tools for fonts, which are slow to make and belong to
// one thread. Not thread-safe.
class WorkerTools {
 public:
  static constexpr size_t kMaxFonts = 8;  // more than the shipped profiles have

  // The tools of the font of `profile`, or of its han_font, valid until the next call.
  // INVALID_ARGUMENT (PROFILE_INVALID) when the font file has no such face.
  absl::StatusOr<FontTools*> ToolsFor(const ResolvedProfile& profile, bool for_han = false);

 private:
  struct Entry {
    base::Sha256Digest fingerprint;
    bool for_han;
    std::shared_ptr<const FontLibrary> fonts;  // outlives the tools
    std::unique_ptr<FontTools> tools;
  };
  std::list<Entry> entries_;  // last used first
};

}  // namespace glyph::render
