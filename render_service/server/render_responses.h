#pragma once
#include <vector>

#include "absl/time/time.h"
#include "glyph/v1/render.pb.h"
#include "render_service/pipeline/render_event.h"

namespace glyph::render {

// The messages of the contract for one event, none above 1 MiB. Strips are without their pixels, so
// that a page waits for its reader only once: FillPixels adds them. `busy` is the time the call has
// spent on workers; `build_fingerprint` is BuildFingerprint()'s.
std::vector<v1::RenderResponse> ToResponses(const RenderEvent& event,
                                            const base::Sha256Digest& build_fingerprint,
                                            absl::Duration busy);

// Copies the pixels of `strip`, a message made of `page`, into it.
void FillPixels(const RenderedPage& page, v1::PageStrip& strip);

}  // namespace glyph::render
