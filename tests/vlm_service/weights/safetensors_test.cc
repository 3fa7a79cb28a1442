#include "vlm_service/weights/safetensors.h"

#include <sys/stat.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/vlm_service/weights/model_folder.h"

namespace glyph::vlm {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr char kIndex[] = "model.safetensors.index.json";

std::string IndexOf(const Json& weight_map) {
  return Json({{"metadata", {{"total_size", 1}}}, {"weight_map", weight_map}}).dump();
}

// Two shards: `a` and `b` in one, `c` in the other.
void WriteShards(const ModelFolder& folder) {
  folder.Write(
      "1.safetensors",
      SafetensorsFile({{"a", Entry("F32", {2}, 0, 8)}, {"b", Entry("F32", {1}, 8, 12)}}, 12));
  folder.Write("2.safetensors", SafetensorsFile({{"c", Entry("BF16", {2, 2}, 0, 8)}}, 8));
  folder.Write(kIndex,
               IndexOf({{"a", "1.safetensors"}, {"b", "1.safetensors"}, {"c", "2.safetensors"}}));
}

absl::Status OpenStatus(const ModelFolder& folder) { return Weights::Open(folder.path()).status(); }

TEST(Weights, HandsOutTheBytesOfASingleFile) {
  const ModelFolder folder;
  folder.Write(
      "model.safetensors",
      SafetensorsFile({{"a", Entry("U8", {2}, 0, 2)}, {"b", Entry("U8", {1, 3}, 2, 5)}}, 5));

  const auto weights = Weights::Open(folder.path());

  ASSERT_TRUE(weights.ok()) << weights.status();
  EXPECT_THAT((*weights)->names(), ElementsAre("a", "b"));
  EXPECT_EQ((*weights)->num_parameters(), 5);
  const auto view = (*weights)->Get("b");
  ASSERT_TRUE(view.ok());
  EXPECT_THAT(view->shape, ElementsAre(1, 3));
  EXPECT_THAT(view->bytes, ElementsAre(std::byte{2}, std::byte{3}, std::byte{4}));
}

TEST(Weights, JoinsShards) {
  const ModelFolder folder;
  WriteShards(folder);

  const auto weights = Weights::Open(folder.path());

  ASSERT_TRUE(weights.ok()) << weights.status();
  EXPECT_THAT((*weights)->names(), ElementsAre("a", "b", "c"));
  EXPECT_EQ((*weights)->num_parameters(), 7);
  EXPECT_EQ((*weights)->Get("c")->dtype, DType::kBF16);
  EXPECT_EQ((*weights)->Get("b")->bytes[0], std::byte{8});
}

TEST(Weights, ASingleFileGoesBeforeAnIndex) {
  const ModelFolder folder;
  WriteShards(folder);
  folder.Write("model.safetensors", SafetensorsFile({{"only", Entry("U8", {1}, 0, 1)}}, 1));

  EXPECT_THAT((*Weights::Open(folder.path()))->names(), ElementsAre("only"));
}

TEST(Weights, NamesTheTensorThatIsMissing) {
  const ModelFolder folder;
  WriteShards(folder);

  const auto view = (*Weights::Open(folder.path()))->Get("lm_head.weight");

  EXPECT_EQ(view.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(view.status().ToString(), HasSubstr("'lm_head.weight'"));
}

TEST(Weights, AnEmptyFolderHasNone) {
  const ModelFolder folder;
  EXPECT_EQ(OpenStatus(folder).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Weights::Open(folder.path() + "/absent").status().code(), absl::StatusCode::kNotFound);
}

TEST(Weights, NamesTheShardThatIsMissing) {
  const ModelFolder folder;
  WriteShards(folder);
  std::remove((folder.path() + "/2.safetensors").c_str());

  const absl::Status status = OpenStatus(folder);

  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.ToString(), AllOf(HasSubstr("2.safetensors"), Not(HasSubstr(folder.path()))));
}

TEST(Weights, NamesTheTensorThatIsNotInItsShard) {
  const ModelFolder folder;
  WriteShards(folder);
  const Json wrong_maps[] = {
      {{"a", "1.safetensors"}, {"d", "2.safetensors"}},
      {{"d", "1.safetensors"}, {"c", "1.safetensors"}, {"a", "2.safetensors"}}};
  for (const Json& map : wrong_maps) {
    folder.Write(kIndex, IndexOf(map));
    EXPECT_EQ(OpenStatus(folder).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(OpenStatus(folder).ToString(), HasSubstr("is not in the shard"));
  }
}

TEST(Weights, RefusesATensorInTwoShards) {
  const ModelFolder folder;
  WriteShards(folder);
  folder.Write("2.safetensors",
               SafetensorsFile({{"c", Entry("U8", {1}, 0, 1)}, {"a", Entry("U8", {1}, 1, 2)}}, 2));
  EXPECT_THAT(OpenStatus(folder).ToString(),
              HasSubstr("2.safetensors: tensor 'a' is also in the shard 1.safetensors"));
}

TEST(Weights, RefusesAMalformedIndex) {
  const ModelFolder folder;
  WriteShards(folder);
  const std::pair<std::string, const char*> bad[] = {
      {"", "not JSON"},
      {"{\"weight_map\":", "not JSON"},
      {"[]", "weight_map"},
      {"{}", "weight_map"},
      {IndexOf(Json::object()), "weight_map"},
      {IndexOf({{"a", 1}}), "the shard of tensor 'a' is not a plain file name"},
      {IndexOf({{"a", "../1.safetensors"}}), "not a plain file name"},
      {IndexOf({{"a", "/etc/passwd"}}), "not a plain file name"},
      {IndexOf({{"a", ".."}}), "not a plain file name"},
      {IndexOf({{"a", std::string("1\0", 2)}}), "not a plain file name"},
      {"{\"weight_map\":{\"a\":\"1.safetensors\",\"a\":\"1.safetensors\"}}", "twice"}};
  for (const auto& [text, message] : bad) {
    folder.Write(kIndex, text);
    EXPECT_EQ(OpenStatus(folder).code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(OpenStatus(folder).ToString(), AllOf(HasSubstr(kIndex), HasSubstr(message)));
  }
}

TEST(Weights, RefusesWhatIsNotAFile) {
  const ModelFolder directory;
  ASSERT_EQ(mkdir((directory.path() + "/model.safetensors").c_str(), 0700), 0);
  EXPECT_THAT(OpenStatus(directory).ToString(), HasSubstr("not a regular file"));
  const ModelFolder fifo;
  ASSERT_EQ(mkfifo((fifo.path() + "/model.safetensors").c_str(), 0600), 0);
  EXPECT_THAT(OpenStatus(fifo).ToString(), HasSubstr("not a regular file"));
}

TEST(Weights, RefusesAFileThatLostItsLastByte) {
  const ModelFolder folder;
  WriteShards(folder);
  const std::string shard = SafetensorsFile({{"c", Entry("BF16", {2, 2}, 0, 8)}}, 8);
  folder.Write("2.safetensors", shard.substr(0, shard.size() - 1));

  EXPECT_THAT(OpenStatus(folder).ToString(), HasSubstr("2.safetensors: tensor 'c'"));
}

TEST(Weights, OpensManyTensors) {
  Json header;
  for (uint64_t i = 0; i < 5000; ++i) {
    header["model.layers." + std::to_string(i) + ".weight"] = Entry("U8", {1}, i, i + 1);
  }
  const ModelFolder folder;
  folder.Write("model.safetensors", SafetensorsFile(header, 5000));

  const auto weights = Weights::Open(folder.path());

  ASSERT_TRUE(weights.ok()) << weights.status();
  EXPECT_EQ((*weights)->num_parameters(), 5000);
  EXPECT_EQ((*weights)->Get("model.layers.258.weight")->bytes[0], std::byte{2});
}

}  // namespace
}  // namespace glyph::vlm
