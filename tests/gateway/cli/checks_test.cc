#include "gateway/cli/checks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "gateway/cli/model_check.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::gateway::cli {
namespace {

using State = Finding::State;
using ::testing::HasSubstr;

class ChecksTest : public ::testing::Test {
 protected:
  ChecksTest() : folder_(::testing::TempDir() + "checks_test_" + std::to_string(getpid())) {
    std::filesystem::create_directories(folder_ + "/driver/nvidia");
  }
  ~ChecksTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << bytes;
  }

  const std::string folder_;
};

TEST_F(ChecksTest, KnowsWhichDriversKnowCuda13) {
  EXPECT_EQ(CheckDriver(folder_).state, State::kWarn);
  Write("driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  579.99  Sun\n");
  EXPECT_EQ(CheckDriver(folder_).state, State::kWarn);
  EXPECT_THAT(CheckDriver(folder_).message, HasSubstr("579.99 is older than 580"));
  Write("driver/nvidia/version",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n");
  EXPECT_EQ(CheckDriver(folder_).state, State::kOk);
  EXPECT_THAT(CheckDriver(folder_).message, HasSubstr("580.65.06"));
}

TEST_F(ChecksTest, KnowsWhetherTheModelFitsIntoMemory) {
  constexpr uint64_t kGibibyte = 1ull << 30;
  Write("meminfo", "MemTotal:  9999999 kB\nMemAvailable:  3145728 kB\n");
  EXPECT_EQ(CheckMemory(folder_, 2 * kGibibyte).state, State::kOk);
  EXPECT_EQ(CheckMemory(folder_, 2 * kGibibyte + 1).state, State::kWarn);
  Write("meminfo", "MemAvailable:  524287 kB\n");
  EXPECT_EQ(CheckMemory(folder_, 0).state, State::kFail);
  EXPECT_THAT(CheckMemory(folder_, 0).message, HasSubstr("511 MiB available"));
}

TEST_F(ChecksTest, NamesATakenPortAndItsFlag) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(9464);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // Somebody else may have it already: then it is taken all the same.
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    ASSERT_EQ(listen(listener, 1), 0);
  }
  const Finding finding = CheckPorts(false);
  EXPECT_EQ(finding.state, State::kWarn);
  EXPECT_THAT(finding.message, HasSubstr("9464 (glyph-gateway --metrics-port)"));
  EXPECT_EQ(CheckPorts(true).state, State::kOk);
  close(listener);
}

TEST_F(ChecksTest, LooksForTheFonts) {
  EXPECT_EQ(CheckFonts(folder_).state, State::kFail);
  EXPECT_THAT(CheckFonts(folder_).message, HasSubstr("install fonts-noto-cjk"));
  Write("NotoSansCJK-Regular.ttc", "");
  EXPECT_THAT(CheckFonts(folder_).message, HasSubstr("install fonts-noto-core"));
  Write("NotoSansDevanagari-Regular.ttf", "");
  EXPECT_THAT(CheckFonts(folder_).message, HasSubstr("install fonts-symbola"));
  Write("Symbola_hint.ttf", "");
  EXPECT_EQ(CheckFonts(folder_).state, State::kOk);
  EXPECT_EQ(CheckFonts(folder_ + "/none").state, State::kFail);
}

TEST_F(ChecksTest, ComparesWeightsWithTheirSums) {
  EXPECT_EQ(CheckModel(folder_).state, State::kFail);
  EXPECT_EQ(WeightBytes(folder_), 0u);
  Write("model.safetensors", "abc");
  EXPECT_EQ(WeightBytes(folder_), 3u);
  EXPECT_EQ(CheckModel(folder_).state, State::kWarn);
  const std::string sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  Write("model.sha256", sum + "  model.safetensors\n");
  EXPECT_EQ(CheckModel(folder_).state, State::kOk);
  Write("model.safetensors", "abd");
  EXPECT_EQ(CheckModel(folder_).state, State::kFail);
  EXPECT_THAT(CheckModel(folder_).message, HasSubstr("expected is " + sum));
  Write("model.sha256", sum + "  model-2.safetensors\n");
  EXPECT_THAT(CheckModel(folder_).message, HasSubstr("model-2.safetensors is missing"));
}

}  // namespace
}  // namespace glyph::gateway::cli
