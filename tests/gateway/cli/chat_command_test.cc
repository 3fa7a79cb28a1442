#include "gateway/cli/chat_command.h"

#include <signal.h>
#include <sysexits.h>

#include "gmock/gmock.h"
#include "tests/gateway/cli/glyph_fixture.h"
#include "tests/gateway/terminal_program.h"

namespace glyph::gateway::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ChatCommandTest : public GlyphTest {
 protected:
  std::vector<std::string> ChatArguments(const std::vector<std::string>& arguments = {}) const {
    std::vector<std::string> all = {"chat", "--server", address()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }
  // The parts of prompt `index`; pages are "page".
  std::vector<std::string> Prompt(size_t index) const {
    const v1::GenerateStart start = vlm_->starts().at(index);
    std::vector<std::string> parts;
    for (const v1::PromptPart& part : start.parts()) {
      parts.push_back(part.has_text() ? part.text() : "page");
    }
    return parts;
  }
};

TEST_F(ChatCommandTest, SendsWhatWasSaidAsOneTurnLikeTheHttpApi) {
  const auto result = RunGlyph(ChatArguments({"--file", File("a", "one")}), "First?\nSecond?\n");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "Hello world\nHello world\n");
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(Prompt(0), ElementsAre("page", "First?"));
  EXPECT_THAT(Prompt(1),
              ElementsAre("User: ", "page", "First?\n\nAssistant: Hello world\n\nUser: Second?"));
}

TEST_F(ChatCommandTest, AttachesClearsAndEnds) {
  RunGlyph(ChatArguments(), "First?\n/clear\n/file " + File("a", "one") + "\n\n/image " +
                                File("i", "png") + "\nSecond?\n/bye\nThird?\n");
  ASSERT_EQ(vlm_->starts().size(), 2u);
  EXPECT_THAT(Prompt(1), ElementsAre("page", "page", "Second?"));
}

TEST_F(ChatCommandTest, PrintsEveryEventAsALineOfJson) {
  const auto result = RunGlyph(ChatArguments({"--json", "--max-tokens", "2"}), "First?\n");
  EXPECT_THAT(result.out, StartsWith("{\"plan\":{"));
  EXPECT_THAT(result.out, HasSubstr("\n{\"finished\":{"));
  EXPECT_EQ(vlm_->starts().at(0).options().max_tokens(), 2u);
}

TEST_F(ChatCommandTest, EndsAtTheFirstErrorOfWhatIsPipedIn) {
  ExpectFailure(RunGlyph(ChatArguments(), "/nonsense\nFirst?\n"), EX_DATAERR, "/help");
  ExpectFailure(RunGlyph(ChatArguments(), "/file " + folder_ + "/none\nFirst?\n"), EX_NOINPUT,
                "No such file");
  ExpectFailure(RunGlyph(ChatArguments({"--file", folder_ + "/none"}), "First?\n"), EX_NOINPUT,
                "No such file");
  ExpectFailure(RunGlyph(ChatArguments(), "question \xff\n"), EX_DATAERR, "UTF-8");
  EXPECT_TRUE(vlm_->starts().empty());
  ExpectFailure(RunGlyph({"chat", "--server", "127.0.0.1:1"}, "First?\n"), EX_UNAVAILABLE,
                "--server");
}

TEST_F(ChatCommandTest, GoesOnAfterCtrlCInAnAnswerAndEndsAtThePrompt) {
  fakes::FakeVlmService::Behaviour hang;
  hang.hang_after = 1;
  vlm_->SetBehaviour(hang);
  TerminalProgram chat(GLYPH_BINARY, ChatArguments());
  EXPECT_EQ(chat.ReadUntil("> "), "> ");
  chat.Type("Stopped?\n");
  ASSERT_TRUE(vlm_->WaitForStarts(1));
  chat.Type("\3");
  EXPECT_THAT(chat.ReadUntil("> "), HasSubstr("glyph: cancelled"));
  EXPECT_TRUE(vlm_->WaitForCancelled(1));

  vlm_->SetBehaviour({});
  chat.Type("Next?\n");
  EXPECT_THAT(chat.ReadUntil("> "), HasSubstr("Hello world\r\n"));
  EXPECT_THAT(Prompt(1), ElementsAre("Next?"));
  chat.Type("/file /none\n");
  EXPECT_THAT(chat.ReadUntil("> "), HasSubstr("No such file"));
  chat.Type("\3");
  EXPECT_EQ(chat.Wait(), 130);
}

TEST_F(ChatCommandTest, EndsWellAtCtrlD) {
  TerminalProgram chat(GLYPH_BINARY, ChatArguments());
  chat.ReadUntil("> ");
  chat.Type("\4");
  EXPECT_EQ(chat.Wait(), 0);
}

TEST_F(ChatCommandTest, ColoursATerminalUnlessNoColorIsSet) {
  const auto shown = [&](const std::vector<std::string>& environment) {
    TerminalProgram ask(GLYPH_BINARY, AskArguments({"Q"}), environment);
    return ask.ReadUntil("in all");
  };
  EXPECT_THAT(shown({"TERM=xterm"}), HasSubstr("\033[2m"));
  EXPECT_THAT(shown({"TERM=xterm", "NO_COLOR="}), HasSubstr("\033[2m"));
  EXPECT_THAT(shown({"TERM=xterm", "NO_COLOR=1"}), Not(HasSubstr("\033[2m")));
  EXPECT_THAT(shown({"TERM=dumb"}), Not(HasSubstr("\033[2m")));
}

TEST_F(ChatCommandTest, CtrlCEndsACommandThatStillReads) {
  TerminalProgram ask(GLYPH_BINARY, AskArguments({"--file", "-", "Q"}));
  ask.Type("half a document\n");
  ask.ReadUntil("\n");  // the echo
  ask.Type("\3");
  EXPECT_EQ(ask.Wait(), 130);
}

}  // namespace
}  // namespace glyph::gateway::cli
