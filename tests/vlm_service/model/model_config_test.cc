#include "vlm_service/model/model_config.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace glyph::vlm {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

// A model folder a test may change before it is read.
class ModelConfigTest : public testing::Test {
 protected:
  ModelConfigTest() {
    const testing::TestInfo& info = *testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(testing::TempDir()) / absl::StrCat("model_config_", getpid()) / info.name();
    fs::create_directories(folder_);
  }
  ~ModelConfigTest() override { fs::remove_all(folder_); }

  void Write(const std::string& file, const std::string& text) const {
    std::ofstream(folder_ / file) << text;
  }

  absl::StatusOr<ModelConfig> Load() const {
    Write("config.json", root_.dump());
    if (!preprocessor_.is_null()) Write("preprocessor_config.json", preprocessor_.dump());
    if (!generation_.is_null()) Write("generation_config.json", generation_.dump());
    return LoadModelConfig(folder_.string());
  }

  // The folder must be refused with INVALID_ARGUMENT and these words.
  void ExpectRefused(const std::string& file_and_key, const std::string& words = "") const {
    const absl::StatusOr<ModelConfig> config = Load();
    ASSERT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << config.status();
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(file_and_key));
    EXPECT_THAT(std::string(config.status().message()), HasSubstr(words));
  }

  Json& text() { return root_["text_config"]; }
  Json& vision() { return root_["vision_config"]; }

  fs::path folder_;
  Json root_ = {{"model_type", "glm4v"},
                {"text_config",
                 {{"partial_rotary_factor", 0.5},
                  {"rope_theta", 100.0},
                  {"rope_scaling", {{"type", "default"}, {"mrope_section", {8, 12, 12}}}}}},
                {"vision_config", Json::object()}};
  Json preprocessor_ = Json::object();
  Json generation_;
};

TEST_F(ModelConfigTest, SilentFilesMeanHuggingFacesDefaults) {
  const absl::StatusOr<ModelConfig> config = Load();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->text.vocab_size, 151552);
  EXPECT_EQ(config->text.hidden_size, 4096);
  EXPECT_EQ(config->text.intermediate_size, 13696);
  EXPECT_EQ(config->text.num_layers, 40);
  EXPECT_EQ(config->text.num_heads, 32);
  EXPECT_EQ(config->text.num_kv_heads, 2);
  EXPECT_EQ(config->text.head_dim, 128);
  EXPECT_EQ(config->text.rotary_dim, 64);
  EXPECT_EQ(config->text.max_position_embeddings, 32768);
  EXPECT_EQ(config->vision.depth, 24);
  EXPECT_EQ(config->vision.hidden_size, 1536);
  EXPECT_EQ(config->vision.out_hidden_size, 4096);
  EXPECT_EQ(config->vision.position_side, 24);
  EXPECT_EQ(config->vision.patch_values(), 3 * 2 * 14 * 14);
  EXPECT_EQ(config->vision.rope_theta, 10000.0);
  EXPECT_EQ(config->image_token_id, 151343);
  EXPECT_FALSE(config->tie_word_embeddings);
  EXPECT_EQ(config->pages.min_pixels, 112 * 112);
  EXPECT_EQ(config->pages.max_pixels, 28 * 28 * 15000);
  EXPECT_NEAR(config->pixels.rescale_factor, 1 / 255.0, 1e-12);
  EXPECT_EQ(config->pixels.mean[2], 0.40821073);
  EXPECT_FALSE(config->generation.temperature.has_value());
  EXPECT_TRUE(config->stop_token_ids.empty());
  EXPECT_EQ(config->render_profile_json, "");
}

TEST_F(ModelConfigTest, ReadsNano) {
  const absl::StatusOr<ModelConfig> config = LoadModelConfig("deploy/models/nano/");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->name, "nano");
  EXPECT_EQ(config->text.head_dim, 64);
  EXPECT_EQ(config->text.rope_theta, 100.0);
  EXPECT_THAT(config->text.mrope_sections, ElementsAre(4, 6, 6));
  EXPECT_THAT(config->stop_token_ids, ElementsAre(256, 263));
  EXPECT_EQ(config->generation.temperature, 0.0f);
  EXPECT_EQ(config->generation.max_new_tokens, 1024);
  EXPECT_EQ(config->pages.max_pixels, 9633792);
  EXPECT_THAT(config->render_profile_json, HasSubstr("NotoSansCJK-Regular.ttc"));
}

TEST_F(ModelConfigTest, RopeParametersAreTheNewDialect) {
  text() = {{"rope_parameters",
             {{"rope_type", "default"},
              {"rope_theta", 77.0},
              {"partial_rotary_factor", 0.25},
              {"mrope_section", {4, 6, 6}}}}};
  const absl::StatusOr<ModelConfig> config = Load();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->text.rope_theta, 77.0);
  EXPECT_EQ(config->text.rotary_dim, 32);
  EXPECT_THAT(config->text.mrope_sections, ElementsAre(4, 6, 6));
}

TEST_F(ModelConfigTest, RopeScalingReplacesRopeParametersAsInTransformers) {
  text()["rope_parameters"] = {{"rope_type", "yarn"}, {"rope_theta", 5.0}};
  const absl::StatusOr<ModelConfig> config = Load();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->text.rope_theta, 100.0);
}

TEST_F(ModelConfigTest, WithoutAFactorTheWholeHeadRotates) {
  text() = {{"rope_scaling", {{"mrope_section", {16, 24, 24}}}}};
  const absl::StatusOr<ModelConfig> config = Load();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->text.rotary_dim, 128);
  EXPECT_EQ(config->text.rope_theta, 10000.0);
}

TEST_F(ModelConfigTest, UnknownRopeTypesAreRefusedByName) {
  text()["rope_scaling"]["type"] = "yarn";
  ExpectRefused("config.json: text_config.rope_scaling.type is \"yarn\"", "\"default\"");
}

TEST_F(ModelConfigTest, UnknownVisionRopeTypesAreRefusedByName) {
  vision()["rope_parameters"] = {{"rope_type", "dynamic"}};
  ExpectRefused("config.json: vision_config.rope_parameters.rope_type is \"dynamic\"", "axial");
}

TEST_F(ModelConfigTest, UnknownActivationsAreRefusedByName) {
  vision()["hidden_act"] = "gelu";
  ExpectRefused("config.json: vision_config.hidden_act is \"gelu\"", "\"silu\"");
}

TEST_F(ModelConfigTest, SectionsMustCoverTheRotaryPart) {
  text()["rope_scaling"]["mrope_section"] = {8, 12, 11};
  ExpectRefused("text_config.rope_scaling.mrope_section is [8,12,11]", "sum to 32");
}

TEST_F(ModelConfigTest, NegativeSectionsAreRefused) {
  text()["rope_scaling"]["mrope_section"] = {-8, 20, 20};
  ExpectRefused("mrope_section is [-8,20,20]");
}

TEST_F(ModelConfigTest, NullKvHeadsMeanOneForEachHead) {
  text()["num_key_value_heads"] = nullptr;
  const absl::StatusOr<ModelConfig> config = Load();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->text.num_kv_heads, 32);
}

TEST_F(ModelConfigTest, KvHeadsMustDivideHeads) {
  text()["num_key_value_heads"] = 5;
  ExpectRefused("config.json: text_config.num_key_value_heads is 5", "divisor");
}

TEST_F(ModelConfigTest, WrongTypesAreNamed) {
  text()["hidden_size"] = "4096";
  ExpectRefused("config.json: text_config.hidden_size is \"4096\"", "integer");
}

TEST_F(ModelConfigTest, NumbersOutOfRangeAreNamed) {
  for (const Json& size : {Json(0), Json(-1), Json(1.5), Json(uint64_t{1} << 63), Json(1 << 25)}) {
    text()["intermediate_size"] = size;
    ExpectRefused(absl::StrCat("intermediate_size is ", size.dump()));
  }
}

TEST_F(ModelConfigTest, OtherArchitecturesAreRefused) {
  root_["model_type"] = "qwen2_vl";
  ExpectRefused("config.json: model_type is \"qwen2_vl\"", "\"glm4v\"");
}

TEST_F(ModelConfigTest, VisionMustGiveTheTextModelsWidth) {
  vision()["out_hidden_size"] = 1024;
  ExpectRefused("vision_config.out_hidden_size is 1024", "4096");
}

TEST_F(ModelConfigTest, ASubConfigMayBeFlatInTheRoot) {
  root_ = {{"model_type", "glm4v"},
           {"num_hidden_layers", 3},
           {"partial_rotary_factor", 0.5},
           {"vision_config", {{"depth", 5}}}};
  const absl::StatusOr<ModelConfig> config = Load();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->text.num_layers, 3);
  EXPECT_EQ(config->vision.depth, 5);
}

TEST_F(ModelConfigTest, ASectionThatIsNoObjectIsNamed) {
  root_["text_config"] = 3;
  ExpectRefused("config.json: text_config", "not an object");
}

TEST_F(ModelConfigTest, TiedMayStandInEitherPlace) {
  text()["tie_word_embeddings"] = true;
  EXPECT_TRUE(Load()->tie_word_embeddings);
}

TEST_F(ModelConfigTest, SizeNeedsBothEdges) {
  preprocessor_["size"] = {{"shortest_edge", 100}};
  ExpectRefused("preprocessor_config.json: size.longest_edge is missing");
}

TEST_F(ModelConfigTest, PreprocessorMustMatchTheModel) {
  preprocessor_["patch_size"] = 16;
  ExpectRefused("preprocessor_config.json: patch_size is 16", "14");
}

TEST_F(ModelConfigTest, OtherFiltersAreRefused) {
  preprocessor_["resample"] = 2;
  ExpectRefused("preprocessor_config.json: resample is 2");
}

TEST_F(ModelConfigTest, ZeroDeviationIsRefused) {
  preprocessor_["image_std"] = {0.5, 0, 0.5};
  ExpectRefused("preprocessor_config.json: image_std");
}

TEST_F(ModelConfigTest, ProcessorConfigOfTransformersFiveCounts) {
  preprocessor_ = nullptr;
  Write("processor_config.json",
        R"({"image_processor": {"size": {"shortest_edge": 5, "longest_edge": 6000}}})");
  const absl::StatusOr<ModelConfig> config = Load();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->pages.max_pixels, 6000);
}

TEST_F(ModelConfigTest, MissingFilesAreNamed) {
  EXPECT_EQ(LoadModelConfig(folder_.string()).status().code(), absl::StatusCode::kNotFound);
  preprocessor_ = nullptr;
  const absl::Status status = Load().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("preprocessor_config.json"));
}

TEST_F(ModelConfigTest, DamagedJsonIsNamed) {
  Write("generation_config.json", "{\"do_sample\": tru");
  ExpectRefused("generation_config.json");
}

TEST_F(ModelConfigTest, SamplingStartsFromHuggingFacesDefaults) {
  generation_ = {{"do_sample", true}, {"top_p", 0.7}};
  const absl::StatusOr<ModelConfig> config = Load();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->generation.temperature, 1.0f);
  EXPECT_EQ(config->generation.top_k, 50);
  EXPECT_EQ(config->generation.top_p, 0.7f);
}

TEST_F(ModelConfigTest, TemperatureOfAGreedyFileDoesNotCount) {
  generation_ = {{"temperature", 0.8}, {"repetition_penalty", 1.1}, {"eos_token_id", 7}};
  const absl::StatusOr<ModelConfig> config = Load();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->generation.temperature, 0.0f);
  EXPECT_EQ(config->generation.repetition_penalty, 1.1f);
  EXPECT_THAT(config->stop_token_ids, ElementsAre(7));
}

TEST_F(ModelConfigTest, StopTokensFallBackToTheModelsOwn) {
  text()["eos_token_id"] = {1, 2};
  EXPECT_THAT(Load()->stop_token_ids, ElementsAre(1, 2));
}

}  // namespace
}  // namespace glyph::vlm
