#pragma once
#include <list>
#include <memory>

#include "absl/status/statusor.h"
#include "render_service/fonts/text_shaper.h"
#include "render_service/layout/profile_catalog.h"

namespace glyph::render {

// What a worker thread keeps between jobs: shapers, which are slow to make and belong to one
// thread. Not thread-safe.
class WorkerTools {
 public:
  static constexpr size_t kMaxShapers = 4;

  // The shaper of `profile`, valid until the next call. INVALID_ARGUMENT (PROFILE_INVALID) when its
  // font has no such face.
  absl::StatusOr<TextShaper*> ShaperFor(const ResolvedProfile& profile);

 private:
  struct Entry {
    base::Sha256Digest fingerprint;
    std::shared_ptr<const FontLibrary> fonts;  // outlives the shaper
    std::unique_ptr<TextShaper> shaper;
  };
  std::list<Entry> entries_;  // last used first
};

}  // namespace glyph::render
