#pragma once
#include <string>

#include "glyph/v1/gateway.pb.h"

namespace glyph::gateway::cli {

struct RenderCommandOptions {
  std::string server;
  std::string file;    // "-": stdin
  std::string folder;  // created when missing
  v1::RenderOptions render;
};

// glyph render: draws a document into a folder (PageFolder). Returns the exit code.
int RunRender(const RenderCommandOptions& options);

}  // namespace glyph::gateway::cli
