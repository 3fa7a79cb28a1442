// glyph: asks a gateway from the command line.
#include "gateway/cli/command_line.h"
#include "gateway/cli/interrupt.h"

int main(int argc, char** argv) {
  glyph::gateway::cli::BlockInterrupts();
  return glyph::gateway::cli::RunCommandLine(argc, argv);
}
