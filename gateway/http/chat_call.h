#pragma once
#include "gateway/http/api_services.h"
#include "gateway/http/http_call.h"

namespace glyph::gateway {

// POST /v1/chat/completions: one flow, answered as one object or as a stream. A stream begins with
// the first text (or the first sign of life), so that what fails before is an answer with a status
// of its own. `services` outlives the calls.
HttpStarter ChatStarter(const ApiServices& services);

}  // namespace glyph::gateway
