// The documents of cases/*.txt beside their structure, cases/*.dump.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/render_service/structure/check_structure.h"

namespace glyph::render {
namespace {

constexpr char kCases[] = "tests/render_service/structure/cases";

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

TEST(StructureCasesTest, HaveTheStructureOfTheirDumps) {
  int num_cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kCases)) {
    std::filesystem::path path = entry.path();
    if (path.extension() != ".txt") continue;
    const std::string source = ReadFile(path);
    EXPECT_EQ(FindStructureViolation(source), "") << path;
    EXPECT_EQ(DumpStructure(source), ReadFile(path.replace_extension(".dump"))) << path;
    ++num_cases;
  }
  EXPECT_EQ(num_cases, 9);
}

}  // namespace
}  // namespace glyph::render
