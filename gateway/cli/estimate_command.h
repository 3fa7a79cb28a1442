#pragma once
#include <string>

#include "glyph/v1/gateway.pb.h"

namespace glyph::gateway::cli {

class Interrupts;

struct EstimateCommandOptions {
  std::string server;
  std::string api_key;  // empty: none is sent
  std::string file;     // "-": stdin
  bool json = false;
  v1::RenderOptions render;
};

// glyph estimate: tells pages and tokens of a document. Returns the exit code.
int RunEstimate(const EstimateCommandOptions& options, Interrupts& interrupts);

}  // namespace glyph::gateway::cli
