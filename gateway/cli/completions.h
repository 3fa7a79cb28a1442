#pragma once
#include <string>
#include <vector>

namespace glyph::gateway::cli {

// An option of a command, or, without names, its positional.
struct CompletedOption {
  std::vector<std::string> names;  // "--file", "-o"
  std::string help;
  bool has_value = false;
  bool is_path = false;              // the value is one
  std::vector<std::string> choices;  // of the value; empty: any
};

struct CompletedCommand {
  std::string name;
  std::string help;
  std::vector<CompletedOption> options;
};

// The script that makes a shell complete `glyph`, to be sourced. `shell`: bash, zsh or fish.
std::string CompletionScript(const std::string& shell,
                             const std::vector<CompletedCommand>& commands);

}  // namespace glyph::gateway::cli
