#include "render_service/server/quarantine.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "proto/rpc/error.h"

namespace glyph::render {
namespace {

constexpr base::Sha256Digest kPoison = {1};
constexpr base::Sha256Digest kGood = {2};

class QuarantineTest : public ::testing::Test {
 protected:
  QuarantineTest() : file_(::testing::TempDir() + "quarantine_" + std::to_string(getpid())) {}
  ~QuarantineTest() override { std::filesystem::remove(file_); }

  std::unique_ptr<Quarantine> Open() {
    return Quarantine::Open(file_, [this] { return now_; }).value();
  }
  static bool Refuses(const Quarantine& quarantine, const base::Sha256Digest& document) {
    const absl::Status status = quarantine.Check(document, "document.text");
    if (status.ok()) return false;
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(rpc::GetErrorDetails(status).reason, "DOCUMENT_QUARANTINED");
    EXPECT_EQ(rpc::GetErrorDetails(status).field, "document.text");
    return true;
  }
  // A process that is killed while it works on `document`.
  void Crash(const base::Sha256Digest& document) {
    const pid_t child = fork();
    if (child == 0) {
      const auto quarantine = Open();
      const Quarantine::Step step(*quarantine, document);
      raise(SIGKILL);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
  }

  const std::string& File() {
    Open();
    return file_;
  }

  const std::string file_;
  absl::Time now_ = absl::FromUnixSeconds(1700000000);
};

TEST_F(QuarantineTest, RefusesWhatTookTwoProcessesDown) {
  Crash(kPoison);
  EXPECT_FALSE(Refuses(*Open(), kPoison));
  Crash(kPoison);
  const auto quarantine = Open();
  EXPECT_TRUE(Refuses(*quarantine, kPoison));
  EXPECT_FALSE(Refuses(*quarantine, kGood));
}

TEST_F(QuarantineTest, ForgetsAfterAnHour) {
  Crash(kPoison);
  Crash(kPoison);
  Open();  // strikes
  now_ += Quarantine::kTime - absl::Milliseconds(1);
  EXPECT_TRUE(Refuses(*Open(), kPoison));
  now_ += absl::Milliseconds(1);
  EXPECT_FALSE(Refuses(*Open(), kPoison));
  Crash(kPoison);  // strikes are counted anew
  EXPECT_FALSE(Refuses(*Open(), kPoison));
}

TEST_F(QuarantineTest, StrikesNothingThatEndedWell) {
  for (int i = 0; i < 3; ++i) {
    const auto quarantine = Open();
    const Quarantine::Step step(*quarantine, kGood);
  }
  EXPECT_FALSE(Refuses(*Open(), kGood));
}

TEST_F(QuarantineTest, RefusesWhatAWorkerDoesNotComeBackFrom) {
  const auto quarantine = Open();
  std::optional<Quarantine::Step> step(std::in_place, *quarantine, kPoison);
  now_ += Quarantine::kMaxStep;
  EXPECT_FALSE(Refuses(*quarantine, kPoison));
  now_ += absl::Milliseconds(1);
  EXPECT_TRUE(Refuses(*quarantine, kPoison));
  EXPECT_FALSE(Refuses(*quarantine, kGood));
  step.reset();
  EXPECT_TRUE(Refuses(*quarantine, kPoison));  // it may do so again
  now_ += Quarantine::kTime;
  EXPECT_FALSE(Refuses(*quarantine, kPoison));
}

TEST_F(QuarantineTest, MakesRoomForNewOffenders) {
  const auto quarantine = Open();
  for (uint8_t i = 0; i < 5; ++i) {
    for (uint8_t j = 0; j < 255; ++j) {  // 1,275 in all, where 1,024 are kept
      const Quarantine::Step step(*quarantine, {3, i, j});
      now_ += Quarantine::kMaxStep + absl::Milliseconds(1);
    }
  }
  EXPECT_TRUE(Refuses(*quarantine, {3, 4, 254}));
  EXPECT_TRUE(Refuses(*quarantine, {3, 4, 0}));
}

TEST_F(QuarantineTest, UsesItsFileAlone) {
  const auto quarantine = Open();
  EXPECT_EQ(Quarantine::Open(file_).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(QuarantineTest, LeavesOtherFilesAlone) {
  for (const size_t bytes : {size_t{1}, std::filesystem::file_size(File())}) {
    std::ofstream(file_, std::ios::binary) << std::string(bytes, 'x');
    EXPECT_EQ(Quarantine::Open(file_).status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(std::filesystem::file_size(file_), bytes);
  }
  EXPECT_FALSE(Quarantine::Open("/nonexistent/record").ok());
}

TEST_F(QuarantineTest, WorksWithoutAFile) {
  const auto quarantine = Quarantine::Open("").value();
  const Quarantine::Step step(*quarantine, kGood);
  EXPECT_FALSE(Refuses(*quarantine, kGood));
}

}  // namespace
}  // namespace glyph::render
