#pragma once
#include "proto/base/sha256.h"
#include "render_service/layout/page_layout.h"

namespace glyph::render {

// SHA-256 over the profile's fingerprint and all of `page` that is drawn: not where in its source
// it lies, so that equal pages of different documents share a key.
base::Sha256Digest PageKey(const base::Sha256Digest& profile_fingerprint, const PageLayout& page);

}  // namespace glyph::render
