#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include <fstream>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/gateway/program.h"

// glyph-gateway as a process.
namespace glyph::gateway {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kAnyPorts = {"--http-port",    "0", "--grpc-port", "0",
                                            "--metrics-port", "0"};

Program::Result RunGateway(const std::vector<std::string>& arguments) {
  return Program(GLYPH_GATEWAY_BINARY, arguments).Wait();
}

TEST(GatewayMainTest, AnnouncesItsPortsAndStopsAtSigterm) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Program gateway(GLYPH_GATEWAY_BINARY, kAnyPorts);
    const auto line = nlohmann::json::parse(gateway.ReadLine());
    gateway.Signal(signal);

    EXPECT_EQ(line["event"], "listening");
    EXPECT_EQ(line["version"], GLYPH_VERSION);
    for (const char* port : {"http", "grpc", "metrics"}) EXPECT_GT(line["ports"][port], 0) << port;
    EXPECT_EQ(gateway.Wait().exit_code, 0);
  }
}

TEST(GatewayMainTest, NamesItsVersion) {
  EXPECT_EQ(RunGateway({"--version"}).out, "glyph-gateway " GLYPH_VERSION "\n");
}

TEST(GatewayMainTest, ExitsWith64ForAWrongCommandLine) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--nonsense"},
                                             {"--grpc-port", "65536"},
                                             {"--max-requests", "0"},
                                             {"--vlm", "nowhere"},
                                             {"--host", "0.0.0.0"}}) {
    const Program::Result result = RunGateway(arguments);
    EXPECT_EQ(result.exit_code, EX_USAGE) << arguments[0];
    EXPECT_THAT(result.err, ::testing::StartsWith("glyph-gateway: "));
    EXPECT_EQ(result.out, "");
  }
}

TEST(GatewayMainTest, ExitsWith69WhenAPortIsTaken) {
  Program first(GLYPH_GATEWAY_BINARY, kAnyPorts);
  const int taken = nlohmann::json::parse(first.ReadLine())["ports"]["grpc"];
  const Program::Result second =
      RunGateway({"--http-port", "0", "--metrics-port", "0", "--grpc-port", std::to_string(taken)});
  EXPECT_EQ(second.exit_code, EX_UNAVAILABLE);
  EXPECT_THAT(second.err, HasSubstr(std::to_string(taken)));
}

TEST(GatewayMainTest, ExitsWith66Or78ForAKeyFileThatIsMissingOrWrong) {
  const std::string path = ::testing::TempDir() + "main_test_" + std::to_string(getpid());
  const Program::Result missing = RunGateway({"--key-file", path});
  EXPECT_EQ(missing.exit_code, EX_NOINPUT);
  EXPECT_THAT(missing.err, HasSubstr(path));
  std::ofstream(path) << "alice\n";
  const Program::Result wrong = RunGateway({"--key-file", path});
  EXPECT_EQ(wrong.exit_code, EX_CONFIG);
  EXPECT_THAT(wrong.err, HasSubstr("line 1 of the key file"));
  unlink(path.c_str());
}

}  // namespace
}  // namespace glyph::gateway
