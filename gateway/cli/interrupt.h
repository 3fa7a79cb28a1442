#pragma once
#include "grpcpp/client_context.h"

namespace glyph::gateway::cli {

// Blocks SIGINT and SIGTERM in this thread and its children; first line of main.
void BlockInterrupts();

// From now on the first SIGINT or SIGTERM cancels the call of `context`, the second ends the
// process with 130. `context` lives until the process ends.
void CancelOnInterrupt(grpc::ClientContext& context);

}  // namespace glyph::gateway::cli
