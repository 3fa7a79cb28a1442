#include <signal.h>
#include <sysexits.h>

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "proto/rpc/error.h"
#include "proto/rpc/status_conversion.h"
#include "tests/gateway/cli/glyph_fixture.h"

// The binary against a gateway between fake services: output and exit codes.
namespace glyph::gateway::cli {
namespace {

using ::testing::HasSubstr;

TEST_F(GlyphTest, PrintsTheAnswerAndNothingElse) {
  const auto result = RunGlyph(AskArguments({"--file", File("a", "one\ftwo"), "What is it?"}));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "Hello world\n");
  EXPECT_EQ(result.err, "");
}

TEST_F(GlyphTest, SendsInputsInTheirOrderAndTheQuestionLast) {
  RunGlyph(AskArguments(
      {"--image", File("i", "png"), "--file", File("a", "one"), "--image", File("j", "png"), "Q"}));
  const auto starts = render_->starts();
  ASSERT_EQ(starts.size(), 3u);
  const v1::GenerateStart prompt = vlm_->starts().at(0);
  ASSERT_EQ(prompt.parts_size(), 4);
  EXPECT_EQ(prompt.parts(3).text(), "Q");
}

TEST_F(GlyphTest, TakesThePipedDocument) {
  EXPECT_EQ(RunGlyph(AskArguments({"Q"}), "piped").exit_code, 0);
  EXPECT_EQ(render_->last_source(), "piped");
}

TEST_F(GlyphTest, TakesStdinWhereADashNamesIt) {
  EXPECT_EQ(RunGlyph(AskArguments({"--file", "-", "Q"}), "dashed").exit_code, 0);
  EXPECT_EQ(render_->last_source(), "dashed");
}

TEST_F(GlyphTest, AsksWithoutADocumentWhenNothingIsPiped) {
  EXPECT_EQ(RunGlyph(AskArguments({"Q"})).out, "Hello world\n");
  EXPECT_TRUE(render_->starts().empty());
}

TEST_F(GlyphTest, SendsMoreThanSixteenMebibytesInChunks) {
  const std::string large = File("large", std::string(9 << 20, 'x'));
  const auto result = RunGlyph(AskArguments({"--file", large, "--file", large, "Q"}));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(render_->last_source().size(), size_t{9} << 20);
}

TEST_F(GlyphTest, PassesGenerationAndRenderOptions) {
  RunGlyph(AskArguments({"--file",
                         File("a", "one"),
                         "--max-tokens",
                         "7",
                         "--temperature",
                         "0.5",
                         "--top-p",
                         "0.9",
                         "--top-k",
                         "3",
                         "--repetition-penalty",
                         "1.5",
                         "--seed",
                         "42",
                         "--stop",
                         "a",
                         "--stop",
                         "b",
                         "--profile",
                         "noto-1024",
                         "--dpi",
                         "96",
                         "--language",
                         "ja",
                         "--lenient",
                         "--allow-profile-mismatch",
                         "Q"}));
  const v1::GenerateStart start = vlm_->starts().at(0);
  EXPECT_EQ(start.options().max_tokens(), 7u);
  EXPECT_FLOAT_EQ(start.options().temperature(), 0.5f);
  EXPECT_FLOAT_EQ(start.options().top_p(), 0.9f);
  EXPECT_EQ(start.options().top_k(), 3u);
  EXPECT_FLOAT_EQ(start.options().repetition_penalty(), 1.5f);
  EXPECT_EQ(start.options().seed(), 42u);
  EXPECT_THAT(start.options().stop(), ::testing::ElementsAre("a", "b"));
  EXPECT_TRUE(start.allow_profile_mismatch());
  EXPECT_EQ(render_->starts().at(0).options().profile(), "noto-1024");
  EXPECT_EQ(render_->starts().at(0).options().dpi(), 96u);
  EXPECT_EQ(render_->starts().at(0).options().language(), "ja");
  EXPECT_TRUE(render_->starts().at(0).options().lenient_utf8());
}

TEST_F(GlyphTest, PrintsEveryEventAsALineOfJson) {
  const auto result = RunGlyph(AskArguments({"--json", "--file", File("a", "one"), "Q"}));
  std::istringstream lines(result.out);
  std::vector<nlohmann::json> events;
  for (std::string line; std::getline(lines, line);) events.push_back(nlohmann::json::parse(line));
  ASSERT_GE(events.size(), 4u);
  EXPECT_TRUE(events.front().contains("plan"));
  EXPECT_EQ(events[1]["page"]["page_index"], 0);
  EXPECT_EQ(events.back()["finished"]["usage"]["output_tokens"], "3");
}

TEST_F(GlyphTest, TellsTheProgressWhenAsked) {
  const auto result = RunGlyph(AskArguments({"--progress", "--file", File("a", "one\ftwo"), "Q"}));
  EXPECT_EQ(result.out, "Hello world\n");
  EXPECT_THAT(result.err, HasSubstr("pages: 2 drawn, "));
  EXPECT_THAT(result.err, HasSubstr("3 tokens"));
  EXPECT_THAT(result.err, HasSubstr("0.88 characters per visual token"));
}

TEST_F(GlyphTest, ExitsWith64ForAWrongCommandLine) {
  ExpectFailure(RunGlyph({}), EX_USAGE, "subcommand");
  ExpectFailure(RunGlyph({"ask"}), EX_USAGE, "question");
  ExpectFailure(RunGlyph({"ask", "--top-k", "-1", "Q"}), EX_USAGE, "--top-k");
  ExpectFailure(RunGlyph({"ask", "--nonsense", "Q"}), EX_USAGE, "--nonsense");
  ExpectFailure(RunGlyph({"render", "--file", "x"}), EX_USAGE, "--output");
  ExpectFailure(RunGlyph({"ask", "--max-tokens", "4294967296", "Q"}), EX_USAGE, "--max-tokens");
  ExpectFailure(RunGlyph({"ask", "--server", address(), "--server", address(), "Q"}), EX_USAGE,
                "--server");
  for (const char* option : {"--profile", "--language"}) {
    ExpectFailure(RunGlyph({"ask", option, "\xff", "Q"}), EX_USAGE, "UTF-8");
  }
}

TEST_F(GlyphTest, ExitsWith64ForAServerThatIsNoAddress) {
  for (const char* server :
       {"", "localhost", ":8081", "localhost:", "localhost:0", "localhost:65536", "localhost:http",
        "localhost:-1", "http://localhost"}) {
    ExpectFailure(RunGlyph({"status", "--server", server}), EX_USAGE, "host:port");
  }
  for (const char* server : {"127.0.0.1:1", "localhost:1", "[::1]:1"}) {
    ExpectFailure(RunGlyph({"status", "--server", server}), EX_UNAVAILABLE, "no gateway answers");
  }
}

TEST_F(GlyphTest, ExitsWith66WhenAnInputCannotBeRead) {
  ExpectFailure(RunGlyph(AskArguments({"--file", folder_ + "/none", "Q"})), EX_NOINPUT,
                "No such file");
  ExpectFailure(RunGlyph(AskArguments({"--file", folder_, "Q"})), EX_NOINPUT, "directory");
  ExpectFailure(RunGlyph(AskArguments({"--image", folder_ + "/none", "Q"})), EX_NOINPUT,
                "No such file");
}

TEST_F(GlyphTest, ExitsWith65ForWrongData) {
  ExpectFailure(RunGlyph(AskArguments({"--file", File("blank", " \n"), "Q"})), EX_DATAERR,
                "EMPTY_DOCUMENT");
  ExpectFailure(RunGlyph(AskArguments({"--file", "/dev/zero", "Q"})), EX_DATAERR, "16777216");
  ExpectFailure(RunGlyph(AskArguments({"question \xff"})), EX_DATAERR, "UTF-8");
  const auto both = RunGlyph(AskArguments({"--temperature", "3", "--top-p", "0", "Q"}));
  ExpectFailure(both, EX_DATAERR, "generation.temperature is 3");
  EXPECT_THAT(both.err, HasSubstr("generation.top_p is 0"));
}

TEST_F(GlyphTest, ExitsWith69WhenTheGatewayOrAServiceIsAway) {
  ExpectFailure(RunGlyph({"ask", "--server", "127.0.0.1:1", "Q"}), EX_UNAVAILABLE, "--server");
  vlm_.reset();
  ExpectFailure(RunGlyph(AskArguments({"Q"})), EX_UNAVAILABLE, "vlm_service");
}

TEST_F(GlyphTest, ExitsWith70ForAnInternalError) {
  fakes::FakeVlmService::Behaviour fail;
  fail.fail_after = 1;
  fail.error = rpc::ToGrpcStatus(
      rpc::MakeError(absl::StatusCode::kInternal,
                     {.reason = "STEP_FAILED", .field = "", .retry_after = {}}, "a step failed"));
  vlm_->SetBehaviour(fail);
  ExpectFailure(RunGlyph(AskArguments({"Q"})), EX_SOFTWARE, "STEP_FAILED");
}

TEST_F(GlyphTest, CancelsTheCallAtCtrlC) {
  fakes::FakeVlmService::Behaviour hang;
  hang.hang_after = 1;
  vlm_->SetBehaviour(hang);
  Program process(GLYPH_BINARY, AskArguments({"Q"}));
  ASSERT_TRUE(vlm_->WaitForStarts(1));
  process.Signal(SIGINT);

  ExpectFailure(process.Wait(), 130, "cancelled");
  EXPECT_TRUE(vlm_->WaitForCancelled(1));
}

TEST_F(GlyphTest, RendersIntoAFolder) {
  const std::string out = folder_ + "/deep/pages";
  const auto result = RunGlyph({"render", "--server", address(), "--file", File("a", "one\ftwo"),
                                "-o", out, "--find", "one"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(render_->starts().at(0).options().exact_source_map());
  EXPECT_THAT(result.out, HasSubstr("page-0001.png: 20x20 px at (0, 0)\n"));
  EXPECT_TRUE(std::filesystem::exists(out + "/page-0001.png"));
  EXPECT_TRUE(std::filesystem::exists(out + "/page-0002.png"));
  EXPECT_TRUE(std::filesystem::exists(out + "/contact-sheet.png"));
  const auto map = nlohmann::json::parse(std::ifstream(out + "/map.json"));
  ASSERT_EQ(map["pages"].size(), 2u);
  EXPECT_EQ(map["pages"][0]["width_px"], 56);
  EXPECT_EQ(map["pages"][1]["boxes"][0]["source_end"], 3);
  EXPECT_EQ(map["characters"], 7);
}

TEST_F(GlyphTest, EstimatesADocument) {
  const std::vector<std::string> arguments = {"estimate", "--server", address(), "--file", "-"};
  const auto result = RunGlyph(arguments, "one\f" + std::string(60, 'x'));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out,
            "pages          2\n"
            "visual tokens  8\n"
            "text tokens    32, 64 characters\n"
            "compression    4.00 text tokens a visual token\n");
  ExpectFailure(RunGlyph({"estimate", "--server", address()}), EX_USAGE, "--file");
  ExpectFailure(RunGlyph({"estimate", "--server", address(), "--file", folder_ + "/none"}),
                EX_NOINPUT, "No such file");
}

TEST_F(GlyphTest, EstimatesInJson) {
  const auto result = RunGlyph({"estimate", "--json", "--server", address(), "--profile", "nano",
                                "--file", File("a", std::string(6, 'x'))});
  const auto estimate = nlohmann::json::parse(result.out);
  EXPECT_EQ(estimate["pages"], 1);
  EXPECT_EQ(estimate["visual_tokens"], "4");
  EXPECT_EQ(estimate["text_tokens"], "3");
  EXPECT_EQ(estimate["compression_ratio"], 0.75);
  EXPECT_EQ(estimate["exact"], true);
  EXPECT_EQ(render_->starts().at(0).options().profile(), "nano");
}

TEST_F(GlyphTest, OutlinesLinesForTheViewer) {
  const std::string text = File("a", "one");
  const auto render = [&](const std::string& out, const std::vector<std::string>& options) {
    std::vector<std::string> arguments = {"render", "--server", address(), "--file",
                                          text,     "-o",       out};
    arguments.insert(arguments.end(), options.begin(), options.end());
    EXPECT_EQ(RunGlyph(arguments).exit_code, 0);
    std::ostringstream page;
    page << std::ifstream(out + "/page-0001.png", std::ios::binary).rdbuf();
    return page.str();
  };
  EXPECT_NE(render(folder_ + "/plain", {}), render(folder_ + "/view", {"--view"}));
}

TEST_F(GlyphTest, TellsInJsonWhatItDrew) {
  const auto result = RunGlyph({"render", "--json", "--server", address(), "--file",
                                File("a", "one\ftwo"), "-o", folder_ + "/out", "--find", "one"});
  const auto drawn = nlohmann::json::parse(result.out);
  EXPECT_EQ(drawn["pages"], 2);
  EXPECT_EQ(drawn["folder"], folder_ + "/out");
  EXPECT_EQ(drawn["places"][0]["file"], "page-0001.png");
  EXPECT_EQ(drawn["places"][0]["width_px"], 20);
}

TEST_F(GlyphTest, ExitsWith74WhenStdoutCannotBeWritten) {
  const auto result =
      Program("/bin/sh", {"-c", std::string(GLYPH_BINARY) + " completions bash >/dev/full"}).Wait();
  ExpectFailure(result, EX_IOERR, "stdout");
}

TEST_F(GlyphTest, SaysWhenTheFolderCannotBeWritten) {
  ExpectFailure(RunGlyph({"render", "--server", address(), "--file", File("a", "one"), "-o",
                          File("b", "a file") + "/pages"}),
                EX_UNAVAILABLE, "cannot write");
}

TEST_F(GlyphTest, ShowsTheStatus) {
  const auto result = RunGlyph({"status", "--server", address()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("render_service  ready at " + render_->address()));
  EXPECT_THAT(result.out, HasSubstr("model           fake"));
}

TEST_F(GlyphTest, ShowsWhatIsNotReadyAndExitsWith69) {
  render_->SetServing(false);
  ASSERT_TRUE(WaitUntilServing(false));
  const auto result = RunGlyph({"status", "--json", "--server", address()});
  EXPECT_EQ(result.exit_code, EX_UNAVAILABLE);
  const auto status = nlohmann::json::parse(result.out);
  EXPECT_EQ(status["services"][0]["ready"], false);
  EXPECT_EQ(status["services"][1]["ready"], true);
}

TEST_F(GlyphTest, NamesItsVersion) {
  EXPECT_EQ(RunGlyph({"--version"}).out, "glyph " GLYPH_VERSION "\n");
}

TEST_F(GlyphTest, MakesAKeyAndSendsIt) {
  const auto made = RunGlyph({"key", "alice"});
  EXPECT_EQ(made.exit_code, 0);
  ASSERT_THAT(made.out, ::testing::MatchesRegex("alice [0-9a-f]+\n"));
  ASSERT_THAT(made.err,
              ::testing::MatchesRegex("key of alice, shown this once: glyph-[0-9a-f]+\n"));
  const std::string key = made.err.substr(made.err.find("glyph-"));
  EXPECT_EQ(key.size(), 6u + 64 + 1);
  EXPECT_NE(RunGlyph({"key", "alice"}).err, made.err);
  GatewayOptions options;
  options.key_file = File("keys", made.out);
  Restart(options);
  ASSERT_TRUE(WaitUntilServing(true));

  ExpectFailure(RunGlyph(AskArguments({"Q"})), EX_NOPERM, "[KEY_MISSING]");
  setenv("GLYPH_API_KEY", "another", 1);
  ExpectFailure(RunGlyph(AskArguments({"Q"})), EX_NOPERM, "[KEY_UNKNOWN]");
  const std::string file = File("key", key);
  for (const char* command : {"ask", "status", "estimate", "render"}) {
    std::vector<std::string> arguments = {command, "--server", address(), "--api-key-file", file};
    if (arguments[0] == "ask") arguments.emplace_back("Q");
    if (arguments[0] == "render" || arguments[0] == "estimate") {
      arguments.insert(arguments.end(), {"--file", File("text", "one")});
    }
    if (arguments[0] == "render") arguments.insert(arguments.end(), {"-o", folder_ + "/pages"});
    EXPECT_EQ(RunGlyph(arguments).exit_code, 0) << command;
  }
  setenv("GLYPH_API_KEY", key.c_str(), 1);
  EXPECT_EQ(RunGlyph(AskArguments({"Q"})).exit_code, 0);
  setenv("GLYPH_API_KEY", "two words", 1);
  ExpectFailure(RunGlyph(AskArguments({"Q"})), EX_DATAERR, "GLYPH_API_KEY holds no key");
  unsetenv("GLYPH_API_KEY");
  ExpectFailure(RunGlyph(AskArguments({"--api-key-file", folder_ + "/none", "Q"})), EX_NOINPUT,
                "cannot read");
  ExpectFailure(RunGlyph({"key", "a/b"}), EX_USAGE, "letters, digits");
  for (const size_t size : {63, 64}) {
    EXPECT_EQ(RunGlyph({"key", std::string(size, 'a')}).exit_code, 0);
  }
  ExpectFailure(RunGlyph({"key", std::string(65, 'a')}), EX_USAGE, "1 to 64");
}

}  // namespace
}  // namespace glyph::gateway::cli
