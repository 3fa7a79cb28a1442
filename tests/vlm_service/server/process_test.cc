// glyph-vlm as a process: what it says and how it exits before it serves.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "vlm_service/weights/safetensors_header.h"

namespace glyph::vlm {
namespace {

using ::testing::HasSubstr;

struct Exit {
  int code = -1;
  std::string out;
  std::string err;
};

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class ProcessTest : public testing::Test {
 protected:
  ProcessTest() : folder_(testing::TempDir() + "glyph_vlm_" + std::to_string(getpid())) {
    std::filesystem::create_directories(folder_ / "model");
    for (const char* name : {"config.json", "generation_config.json", "preprocessor_config.json",
                             "tokenizer.json", "model.safetensors"}) {
      std::filesystem::copy(std::filesystem::path("deploy/models/nano") / name,
                            folder_ / "model" / name);
    }
  }
  ~ProcessTest() override { std::filesystem::remove_all(folder_); }

  std::string model() const { return (folder_ / "model").string(); }

  // Runs glyph-vlm to its end.
  Exit Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), GLYPH_VLM_BINARY);
    arguments.insert(arguments.end(), {"--port", "0"});
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const std::string out = (folder_ / "out").string(), err = (folder_ / "err").string();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), flags, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), flags, 0600);
    pid_t pid = 0;
    EXPECT_EQ(posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    waitpid(pid, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadFile(out), ReadFile(err)};
  }

  // The model is refused before the port opens, in one line that holds `what`.
  void ExpectBadModel(const std::vector<std::string>& arguments, const std::string& what) {
    const Exit exit = Run(arguments);
    EXPECT_EQ(exit.code, 78) << exit.err;
    EXPECT_EQ(exit.out, "");
    EXPECT_THAT(exit.err, HasSubstr(what));
    EXPECT_EQ(std::count(exit.err.begin(), exit.err.end(), '\n'), 1) << exit.err;
  }

  void CopyToModel(const std::string& name) const {
    std::filesystem::copy("deploy/models/nano/" + name, folder_ / "model" / name);
  }

  // Calls `change` with each of the first `count` bfloat16 values of a tensor.
  void ChangeTensor(const std::string& name, size_t count,
                    const std::function<void(uint16_t& bits)>& change) const {
    const auto path = folder_ / "model/model.safetensors";
    std::string file = ReadFile(path);
    const auto entries = ParseSafetensorsHeader(std::as_bytes(std::span(file)), path);
    ASSERT_TRUE(entries.ok()) << entries.status();
    const auto entry = std::find_if(entries->begin(), entries->end(),
                                    [&](const TensorEntry& e) { return e.name == name; });
    ASSERT_NE(entry, entries->end());
    ASSERT_EQ(entry->dtype, DType::kBF16);
    ASSERT_LE(2 * count, entry->end - entry->begin);
    for (size_t i = 0; i < count; ++i) {
      uint16_t bits = 0;
      std::memcpy(&bits, file.data() + entry->begin + 2 * i, sizeof bits);
      change(bits);
      std::memcpy(file.data() + entry->begin + 2 * i, &bits, sizeof bits);
    }
    std::ofstream(path, std::ios::binary) << file;
  }

  const std::filesystem::path folder_;
};

constexpr char kNorm[] = "model.language_model.layers.4.post_attention_layernorm.weight";

void Double(uint16_t& bits) { bits = static_cast<uint16_t>(bits + (1 << 7)); }  // its exponent

TEST_F(ProcessTest, TellsItsVersion) {
  const Exit exit = Run({"--version"});
  EXPECT_EQ(exit.code, 0);
  EXPECT_THAT(exit.out, HasSubstr("glyph-vlm " GLYPH_VERSION));
}

TEST_F(ProcessTest, RefusesBadFlagsWithUsage) {
  const std::vector<std::vector<std::string>> rows = {
      {},
      {"--model", model(), "--unknown"},
      {"--model", model(), "--dtype", "int8"},
      {"--model", model(), "--device", "tpu"},
      {"--model", model(), "--max-running", "0"},
      {"--model", model(), "--max-waiting", "-1"},
      {"--model", model(), "--kv-tokens", "-5"},
      {"--model", model(), "--threads", "x"},
      {"--model", model(), "--prefix-cache", "maybe"},
      {"--model", model(), "--max-chunk", "0"},
      {"--model", model(), "--idle-step-ms", "0"},
  };
  for (const auto& row : rows) EXPECT_EQ(Run(row).code, 64) << testing::PrintToString(row);
}

TEST_F(ProcessTest, RefusesAFolderThatIsNotThere) {
  ExpectBadModel({"--model", model() + "_missing"}, "--model");
}

TEST_F(ProcessTest, RefusesAFolderWithoutConfig) {
  std::filesystem::remove(folder_ / "model/config.json");
  ExpectBadModel({"--model", model()}, "config.json");
}

TEST_F(ProcessTest, RefusesAFolderWithoutTokenizer) {
  std::filesystem::remove(folder_ / "model/tokenizer.json");
  ExpectBadModel({"--model", model()}, "tokenizer.json");
}

TEST_F(ProcessTest, RefusesAFolderWithoutWeights) {
  std::filesystem::remove(folder_ / "model/model.safetensors");
  ExpectBadModel({"--model", model()}, "model.safetensors");
}

TEST_F(ProcessTest, RefusesTruncatedWeights) {
  const auto weights = folder_ / "model/model.safetensors";
  std::filesystem::resize_file(weights, std::filesystem::file_size(weights) - 1);
  ExpectBadModel({"--model", model()}, "model.safetensors");
}

TEST_F(ProcessTest, RefusesWeightsWithOneBitFlipped) {
  CopyToModel("model.safetensors.sha256");
  ChangeTensor(kNorm, 1, [](uint16_t& bits) { bits ^= 1; });
  ExpectBadModel({"--model", model()}, "model.safetensors is damaged");
  ExpectBadModel({"--model", model(), "--dtype", "bfloat16"}, "model.safetensors is damaged");
}

TEST_F(ProcessTest, RefusesASidecarOfAnotherFile) {
  std::ofstream(folder_ / "model/model.safetensors.sha256") << std::string(64, '0') << "  other\n";
  ExpectBadModel({"--model", model()}, "model.safetensors.sha256");
}

TEST_F(ProcessTest, RefusesWeightsThatAnswerAnotherThing) {
  CopyToModel("self_test.json");
  ChangeTensor(kNorm, 1, Double);
  ExpectBadModel({"--model", model()}, "self_test.json expects");
  ChangeTensor(kNorm, 384, Double);
  ExpectBadModel({"--model", model(), "--dtype", "bfloat16"}, "self_test.json expects");
}

TEST_F(ProcessTest, RefusesAMalformedSelfTest) {
  std::ofstream(folder_ / "model/self_test.json") << R"({"text": "Hi"})";
  ExpectBadModel({"--model", model()}, "self_test.json: tolerance.float32 is missing");
}

TEST_F(ProcessTest, RefusesAProfileWhoseFingerprintIsNone) {
  std::ofstream(folder_ / "model/render_profile.json") << R"({"profile_fingerprint": "12"})";
  ExpectBadModel({"--model", model()}, "profile_fingerprint");
}

TEST_F(ProcessTest, RefusesAKvCacheTooSmallForAnything) {
  ExpectBadModel({"--model", model(), "--kv-tokens", "1"}, "--kv-tokens");
}

TEST_F(ProcessTest, RefusesADeviceThisBuildLacks) {
  ExpectBadModel({"--model", model(), "--device", "cuda"}, "CUDA");
}

TEST_F(ProcessTest, RefusesALogFileItCannotOpen) {
  EXPECT_EQ(Run({"--model", model(), "--log-file", model() + "/config.json/log"}).code, 73);
}

}  // namespace
}  // namespace glyph::vlm
