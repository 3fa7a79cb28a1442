#pragma once
#include "absl/status/statusor.h"
#include "render_service/layout/render_profile.h"

namespace glyph::render {

// `profile` with its lengths in `dpi` dots an inch, which is 72, 96 or 120: the same text on the
// same lines, up to the rounding of lengths and advances to whole pixels. Under ToGrid::kPad pages
// are not made higher than gives the profile's own number of image tokens, because that is what a
// model takes in one page; they hold fewer lines instead. INVALID_ARGUMENT (DPI_OUT_OF_RANGE,
// render.dpi): another resolution, or one that makes a length which no profile may have.
absl::StatusOr<RenderProfile> ScaleProfile(const RenderProfile& profile, int dpi);

}  // namespace glyph::render
