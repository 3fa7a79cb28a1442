#pragma once
#include "gateway/http/api_services.h"
#include "gateway/http/http_call.h"

namespace glyph::gateway {

// POST /v1/render: a text in, its pages out as lines of JSON (PageLines) while they are drawn, read
// from the renderer no faster than the client takes them. `services` outlives the calls.
HttpStarter RenderStarter(const ApiServices& services);

}  // namespace glyph::gateway
