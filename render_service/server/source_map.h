#pragma once
#include <vector>

#include "glyph/v1/page.pb.h"
#include "render_service/pipeline/render_event.h"

namespace glyph::render {

// The source map of a page in messages below 1 MiB: as runs if its clusters are known, else as
// boxes of lines.
std::vector<v1::SourceMap> MakeSourceMaps(const RenderedPage& page);

}  // namespace glyph::render
