#pragma once
#include <vector>

#include "absl/time/time.h"
#include "glyph/v1/render.pb.h"
#include "render_service/pipeline/render_event.h"

namespace glyph::render {

// The messages of the contract for one event, none above 1 MiB. `busy` is the time the call has
// spent on workers; `build_fingerprint` is BuildFingerprint()'s.
std::vector<v1::RenderResponse> ToResponses(RenderEvent event,
                                            const base::Sha256Digest& build_fingerprint,
                                            absl::Duration busy);

}  // namespace glyph::render
