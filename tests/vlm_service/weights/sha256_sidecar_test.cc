#include "vlm_service/weights/sha256_sidecar.h"

#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/base/sha256.h"
#include "tests/vlm_service/weights/model_folder.h"
#include "vlm_service/weights/safetensors.h"

namespace glyph::vlm {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kFile[] = "model.safetensors";
constexpr char kSidecar[] = "model.safetensors.sha256";

std::string Digest(const std::string& bytes) {
  return base::ToHex(base::Sha256().Update(bytes).Finish());
}

std::string Checkpoint(size_t data_bytes) {
  return SafetensorsFile({{"w", Entry("U8", {data_bytes}, 0, data_bytes)}}, data_bytes);
}

// Opens the folder and waits for its checks.
absl::Status Load(const ModelFolder& folder) {
  auto weights = Weights::Open(folder.path());
  return weights.ok() ? (*weights)->AwaitChecks() : weights.status();
}

TEST(Sha256Sidecar, AcceptsTheFileItTellsOf) {
  const ModelFolder folder;
  const std::string file = Checkpoint(100'000);
  folder.Write(kFile, file);
  for (const char* rest :
       {"  model.safetensors\n", " *model.safetensors\n", "  model.safetensors"}) {
    folder.Write(kSidecar, Digest(file) + rest);
    EXPECT_EQ(Load(folder), absl::OkStatus());
  }
}

TEST(Sha256Sidecar, WithoutOneNothingIsChecked) {
  const ModelFolder folder;
  std::string file = Checkpoint(8);
  file.back() ^= 1;
  folder.Write(kFile, file);
  EXPECT_EQ(Load(folder), absl::OkStatus());
}

TEST(Sha256Sidecar, FindsEveryBitFlippedAndEveryByteLost) {
  const ModelFolder folder;
  const std::string good = Checkpoint(3000);
  folder.Write(kSidecar, Digest(good) + "  " + kFile + "\n");
  constexpr uint32_t seed = 13;
  std::mt19937 random(seed);
  for (int i = 0; i < 1000; ++i) {
    SCOPED_TRACE(testing::Message() << "change " << i << " of seed " << seed);
    std::string file = good;
    const size_t position = random() % file.size();
    if (i % 10 == 0) {
      file.erase(i % 20 == 0 ? position : file.size() - 1, 1);
    } else {
      file[position] = static_cast<char>(file[position] ^ (1 << random() % 8));
    }
    folder.Write(kFile, file);

    EXPECT_THAT(Load(folder).ToString(), HasSubstr(kFile));
  }
  folder.Write(kFile, good);
  EXPECT_EQ(Load(folder), absl::OkStatus());
}

TEST(Sha256Sidecar, NamesTheShardThatIsDamaged) {
  const ModelFolder folder;
  const std::string good = SafetensorsFile({{"a", Entry("U8", {4}, 0, 4)}}, 4);
  std::string damaged = SafetensorsFile({{"b", Entry("U8", {4}, 0, 4)}}, 4);
  folder.Write("1.safetensors", good);
  folder.Write("1.safetensors.sha256", Digest(good) + "  1.safetensors\n");
  folder.Write("2.safetensors.sha256", Digest(damaged) + "  2.safetensors\n");
  damaged.back() ^= 1;
  folder.Write("2.safetensors", damaged);
  folder.Write("model.safetensors.index.json",
               R"({"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}})");

  const absl::Status status = Load(folder);

  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(status.ToString(),
              AllOf(HasSubstr("2.safetensors is damaged: its SHA-256 is " + Digest(damaged)),
                    HasSubstr("2.safetensors.sha256 says")));
}

TEST(Sha256Sidecar, RefusesWhatSha256sumDoesNotWrite) {
  const ModelFolder folder;
  const std::string file = Checkpoint(8);
  folder.Write(kFile, file);
  const std::string digest = Digest(file), name = kFile;
  const std::string bad[] = {"",
                             "\n",
                             digest,
                             digest + "\n",
                             digest + " " + name + "\n",
                             digest + "  other.safetensors\n",
                             digest.substr(1) + "  " + name + "\n",
                             digest + "0  " + name + "\n",
                             "g" + digest.substr(1) + "  " + name + "\n",
                             digest + "  " + name + "\n\n",
                             digest + "  " + name + "\r\n",
                             digest + "  " + name + "\n" + digest + "  " + name + "\n",
                             std::string(64, '\0') + "  " + name + "\n"};
  for (const std::string& sidecar : bad) {
    folder.Write(kSidecar, sidecar);
    EXPECT_EQ(Load(folder).code(), absl::StatusCode::kInvalidArgument) << sidecar;
    EXPECT_THAT(Load(folder).ToString(), HasSubstr(kSidecar)) << sidecar;
  }
}

}  // namespace
}  // namespace glyph::vlm
