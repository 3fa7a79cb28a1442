#pragma once
#include <string>

#include "glyph/v1/gateway.pb.h"

namespace glyph::gateway::cli {

class Interrupts;

struct RenderCommandOptions {
  std::string server;
  std::string api_key;  // empty: none is sent
  std::string file;     // "-": stdin
  std::string folder;   // created when missing
  bool view = false;    // draw the boxes of the source map on the pages
  std::string find;     // print where this text stands, unless it is empty
  bool json = false;
  v1::RenderOptions render;
};

// glyph render: draws a document into a folder (PageFolder). Returns the exit code.
int RunRender(const RenderCommandOptions& options, Interrupts& interrupts);

}  // namespace glyph::gateway::cli
