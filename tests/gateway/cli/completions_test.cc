#include "gateway/cli/completions.h"

#include <sysexits.h>

#include <cstdlib>

#include "gmock/gmock.h"
#include "tests/gateway/cli/glyph_fixture.h"
#include "tests/gateway/terminal_program.h"

// The scripts of the binary, read by the shells they are for.
namespace glyph::gateway::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string PathWithGlyph() {
  const std::string binary = GLYPH_BINARY;
  return "PATH=" + binary.substr(0, binary.rfind('/')) + ":" + std::getenv("PATH");
}

std::string RunShell(const std::string& shell, const std::string& script) {
  const auto result = Program("/usr/bin/env", {PathWithGlyph(), shell, "-c", script}).Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  return result.out;
}

// What bash offers for the last of the words.
std::string Bash(const std::string& words) {
  return RunShell("bash", "source <(glyph completions bash); COMP_WORDS=(" + words +
                              "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _glyph; "
                              "echo \" ${COMPREPLY[*]} \"");
}

TEST(CompletionsTest, BashOffersCommandsOptionsAndValues) {
  EXPECT_EQ(Bash("glyph ch"), " chat \n");
  EXPECT_THAT(Bash("glyph ''"), HasSubstr(" bench "));
  EXPECT_EQ(Bash("glyph ask --max"), " --max-tokens \n");
  EXPECT_EQ(Bash("glyph bench --re"), " --repetition-penalty --requests \n");
  EXPECT_EQ(Bash("glyph completions z"), " zsh \n");
  EXPECT_EQ(Bash("glyph ask --file deploy/ins"), " deploy/install \n");
  EXPECT_EQ(Bash("glyph ask --seed ''"), "  \n");
  EXPECT_EQ(Bash("glyph nonsense --"), "  \n");
}

TEST(CompletionsTest, FishOffersCommandsOptionsAndValues) {
  const auto fish = [](const std::string& line) {
    return RunShell("fish", "glyph completions fish | source; complete -C '" + line + "'");
  };
  EXPECT_EQ(fish("glyph ch"), "chat\task one question after another; lines of stdin\n");
  EXPECT_EQ(fish("glyph ask --max"), "--max-tokens\tmost tokens of the answer\n");
  EXPECT_EQ(fish("glyph completions z"), "zsh\tbash, zsh or fish\n");
  EXPECT_THAT(fish("glyph ask --file deploy/ins"), HasSubstr("deploy/install"));
  EXPECT_THAT(fish("glyph status --"), Not(HasSubstr("--file")));
}

// Its completion works only at a terminal.
TEST(CompletionsTest, ZshOffersCommandsOptionsAndValues) {
  TerminalProgram zsh("/usr/bin/zsh", {"-f", "-i"}, {PathWithGlyph(), "TERM=dumb"});
  zsh.Type(
      "PS1='GO'; autoload -U compinit; compinit -D -u; source <(glyph completions zsh); "
      "PS1=$PS1'> '\n");
  zsh.ReadUntil("GO> ");
  // What becomes of the line at Tab; Ctrl-U forgets it.
  const auto complete = [&zsh](const std::string& line) {
    zsh.Type(line + "\t#");
    const std::string shown = zsh.ReadUntil("#");
    zsh.Type("\x15");
    return shown;
  };
  EXPECT_THAT(complete("glyph ch"), HasSubstr("glyph chat "));
  EXPECT_THAT(complete("glyph ask --max"), HasSubstr("glyph ask --max-tokens "));
  EXPECT_THAT(complete("glyph completions z"), HasSubstr("glyph completions zsh "));
  EXPECT_THAT(complete("glyph ask --file deploy/ins"),
              HasSubstr("glyph ask --file deploy/install "));
  EXPECT_THAT(complete("glyph status --f"), HasSubstr("glyph status --f\a#"));
}

TEST(CompletionsTest, KnowsNoOtherShell) {
  ExpectFailure(RunGlyph({"completions", "tcsh"}), EX_USAGE, "shell");
  ExpectFailure(RunGlyph({"completions"}), EX_USAGE, "shell");
}

}  // namespace
}  // namespace glyph::gateway::cli
