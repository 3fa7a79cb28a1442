#include "gateway/cli/doctor_command.h"

#include <sysexits.h>

#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "tests/gateway/cli/glyph_fixture.h"

namespace glyph::gateway::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

using DoctorCommandTest = GlyphTest;

TEST_F(DoctorCommandTest, FindsTheRunningGatewayTheFontsAndTheBuiltInModel) {
  const auto result = RunGlyph({"doctor", "--server", address()});
  EXPECT_EQ(result.exit_code, 0) << result.out;
  EXPECT_THAT(result.out, HasSubstr("\nok    fonts    /usr/share/fonts\n"));
  EXPECT_THAT(result.out, HasSubstr("\nok    model    deploy/models/nano: "));
  EXPECT_THAT(result.out, HasSubstr("\nok    gateway  version " GLYPH_VERSION " at " + address()));
  EXPECT_THAT(result.out, Not(HasSubstr("\033[")));
}

TEST_F(DoctorCommandTest, SaysInJsonWhatFailsAndExitsWith78) {
  const auto result = RunGlyph(
      {"doctor", "--json", "--server", "127.0.0.1:1", "--model", folder_, "--font-dir", folder_});
  EXPECT_EQ(result.exit_code, EX_CONFIG);
  std::map<std::string, std::string> states;
  const auto report = nlohmann::json::parse(result.out);
  for (const auto& check : report["checks"]) states[check["name"]] = check["state"];
  EXPECT_EQ(states.size(), 6u);
  EXPECT_EQ(states["fonts"], "fail");
  EXPECT_EQ(states["model"], "fail");
  EXPECT_EQ(states["gateway"], "warn");
}

TEST_F(DoctorCommandTest, NamesTheServiceThatIsNotReady) {
  render_->SetServing(false);
  ASSERT_TRUE(WaitUntilServing(false));
  const auto result = RunGlyph({"doctor", "--server", address()});
  EXPECT_THAT(result.out, HasSubstr("\nwarn  gateway  render_service at "));
}

}  // namespace
}  // namespace glyph::gateway::cli
