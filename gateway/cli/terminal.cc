#include "gateway/cli/terminal.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace glyph::gateway::cli {
namespace {

std::string_view Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

bool UsesColor(int file) {
  return isatty(file) != 0 && Environment("NO_COLOR").empty() && Environment("TERM") != "dumb";
}

}  // namespace glyph::gateway::cli
