#pragma once
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/gateway/gateway_fixture.h"
#include "tests/gateway/program.h"

namespace glyph::gateway::cli {

// The binary glyph, and a gateway between fake services for it.
class GlyphTest : public GatewayFixture {
 protected:
  GlyphTest() : folder_(::testing::TempDir() + "glyph_test_" + std::to_string(getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~GlyphTest() override { std::filesystem::remove_all(folder_); }

  std::string File(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << bytes;
    return folder_ + "/" + name;
  }
  // glyph ask --server GATEWAY ARGUMENTS...
  std::vector<std::string> AskArguments(const std::vector<std::string>& arguments) const {
    std::vector<std::string> all = {"ask", "--server", address()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }

  const std::string folder_;
};

inline Program::Result RunGlyph(const std::vector<std::string>& arguments,
                                const std::string& input = "") {
  return Program(GLYPH_BINARY, arguments, input).Wait();
}

// Exactly one line that says why, and the expected code.
inline void ExpectFailure(const Program::Result& result, int exit_code, const std::string& why) {
  EXPECT_EQ(result.exit_code, exit_code) << result.err;
  EXPECT_THAT(result.err, ::testing::StartsWith("glyph: "));
  EXPECT_THAT(result.err, ::testing::HasSubstr(why));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  EXPECT_EQ(result.out, "");
}

}  // namespace glyph::gateway::cli
