#pragma once
#include <string>
#include <vector>

#include "glyph/v1/gateway.pb.h"

namespace glyph::gateway::cli {

class Interrupts;

struct AskOptions {
  struct Input {
    bool is_image = false;
    std::string path;  // "-": stdin
  };
  std::string server;
  std::string api_key;        // empty: none is sent
  std::vector<Input> inputs;  // documents and images, in order, before the question
  std::string question;
  v1::GenerationOptions generation;
  v1::RenderOptions render;
  bool allow_profile_mismatch = false;
  bool json = false;      // events as JSON lines instead of text
  bool progress = false;  // also when stderr is no terminal
};

// glyph ask: sends the inputs and the question, streams the answer to stdout. Without inputs, what
// is piped into stdin is the document. Returns the exit code.
int RunAsk(const AskOptions& options, Interrupts& interrupts);

}  // namespace glyph::gateway::cli
