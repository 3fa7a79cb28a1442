#pragma once
#include "absl/status/status.h"
#include "render_service/layout/profile_catalog.h"

namespace glyph::render {

// Draws a line of text with every shipped profile, so that a renderer with missing or broken fonts
// stops before it serves. FAILED_PRECONDITION names the profile.
absl::Status SelfTest(const ProfileCatalog& catalog);

}  // namespace glyph::render
