#include "proto/base/logging.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/base/json.h"

namespace glyph::base {
namespace {

namespace fs = std::filesystem;

// A log file of its own for each test.
class LoggingTest : public testing::Test {
 protected:
  LoggingTest()
      : file_(fs::path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove(file_);
  }
  ~LoggingTest() override { fs::remove(file_); }

  std::vector<nlohmann::json> Lines() const {
    std::vector<nlohmann::json> lines;
    std::ifstream stream(file_);
    for (std::string line; std::getline(stream, line);) {
      auto json = ParseJson(line);
      EXPECT_TRUE(json.ok()) << line;
      if (json.ok()) lines.push_back(*json);
    }
    return lines;
  }

  const fs::path file_;
};

TEST_F(LoggingTest, WritesOneJsonObjectALine) {
  ASSERT_TRUE(OpenLog(file_.string()).ok());
  LogInfo("started", {{"port", "8080"}});
  LogWarning("odd");
  LogError("failed", {{"reason", "X"}, {"count", "2"}});

  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0]["event"], "started");
  EXPECT_EQ(lines[0]["level"], "info");
  EXPECT_EQ(lines[0]["port"], "8080");
  EXPECT_EQ(lines[1]["level"], "warning");
  EXPECT_EQ(lines[2]["level"], "error");
  EXPECT_EQ(lines[2]["count"], "2");
  EXPECT_TRUE(lines[2]["time"].is_string());
}

TEST_F(LoggingTest, KeepsAFieldInOneLineWhateverItHolds) {
  const std::string odd = "a\"b\\c\nd\te\x01 %v {}";
  ASSERT_TRUE(OpenLog(file_.string()).ok());
  LogInfo("odd", {{"value", odd}});

  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0]["value"], odd);
}

TEST_F(LoggingTest, AppendsToAnExistingFile) {
  std::ofstream(file_) << "{\"event\":\"before\"}\n";
  ASSERT_TRUE(OpenLog(file_.string()).ok());
  LogInfo("after");

  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["event"], "before");
  EXPECT_EQ(lines[1]["event"], "after");
}

TEST_F(LoggingTest, BeginsANewFileRatherThanExceedTheLimit) {
  const auto old_file = [this](int index) {
    return fs::path(file_.string() + "." + std::to_string(index));
  };
  const auto remove_old = [&] {
    for (int i = 1; i <= 3; ++i) fs::remove(old_file(i));
  };
  ASSERT_TRUE(OpenLog(file_.string()).ok());
  LogInfo("line");
  const size_t line_bytes = fs::file_size(file_);  // all lines are of one length
  for (const size_t limit : {3 * line_bytes - 1, 3 * line_bytes, 3 * line_bytes + 1}) {
    remove_old();
    fs::remove(file_);
    ASSERT_TRUE(OpenLog(file_.string(), {.max_file_bytes = limit, .max_old_files = 2}).ok());
    for (int i = 0; i < 3; ++i) LogInfo("line");
    EXPECT_EQ(fs::exists(old_file(1)), limit < 3 * line_bytes) << limit;
    for (int i = 0; i < 20; ++i) LogInfo("line");
    for (const fs::path& file : {file_, old_file(1), old_file(2)}) {
      EXPECT_GT(fs::file_size(file), 0u) << file;
      EXPECT_LE(fs::file_size(file), limit) << file;
    }
    EXPECT_FALSE(fs::exists(old_file(3)));
    EXPECT_EQ(Lines().back()["event"], "line");
  }
  remove_old();
}

TEST_F(LoggingTest, NamesAFileItCannotOpen) {
  const absl::Status status = OpenLog(testing::TempDir());
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(status.message().find(testing::TempDir()), absl::string_view::npos);
}

TEST_F(LoggingTest, EmptyNameKeepsTheLog) { EXPECT_TRUE(OpenLog("").ok()); }

}  // namespace
}  // namespace glyph::base
