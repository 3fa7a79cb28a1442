// glyph: asks a gateway from the command line.
#include <sysexits.h>

#include <cstdio>

#include "gateway/cli/command_line.h"
#include "gateway/cli/interrupts.h"

int main(int argc, char** argv) {
  glyph::gateway::cli::Interrupts interrupts;
  const int exit_code = glyph::gateway::cli::RunCommandLine(argc, argv, interrupts);
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return exit_code;
  std::fputs("glyph: cannot write to stdout; is the disk full?\n", stderr);
  return EX_IOERR;
}
