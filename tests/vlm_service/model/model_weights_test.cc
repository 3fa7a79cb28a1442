#include "vlm_service/model/model_weights.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/vlm_service/model/synthetic_checkpoint.h"
#include "vlm_service/model/model_config.h"
#include "vlm_service/ops/cpu_ops.h"

namespace glyph::vlm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A whole small checkpoint in one file, of which a test changes one tensor.
class ModelWeightsTest : public testing::Test {
 protected:
  ModelWeightsTest()
      : folder_(MakeSyntheticModel("one_kv_head")),
        config_(*LoadModelConfig(folder_)),
        tensors_(ReadTensors(folder_)) {}

  FileTensor& Tensor(const std::string& name) {
    const auto it = std::find_if(tensors_.begin(), tensors_.end(),
                                 [&](const FileTensor& tensor) { return tensor.name == name; });
    EXPECT_NE(it, tensors_.end()) << name;
    return *it;
  }

  absl::Status Load() {
    WriteTensors(folder_, tensors_);
    return ModelWeights::Load(folder_, config_, at::kFloat, ops_).status();
  }

  const std::string folder_;
  const ModelConfig config_;
  std::vector<FileTensor> tensors_;
  CpuOps ops_;
};

TEST_F(ModelWeightsTest, TensorsOfTheModelsTypeAreViewsOfTheFile) {
  const auto weights = *ModelWeights::Load(folder_, config_, at::kFloat, ops_);
  EXPECT_TRUE(weights->text().embedding.is_contiguous());
  EXPECT_FALSE(weights->text().embedding.storage().resizable());
  EXPECT_GT(weights->num_parameters(), 100000);
  EXPECT_EQ(weights->num_bytes(), 4 * weights->num_parameters());
}

TEST_F(ModelWeightsTest, OtherTypesAreConvertedOnce) {
  const auto weights = *ModelWeights::Load(folder_, config_, at::kBFloat16, ops_);
  EXPECT_EQ(weights->text().layers[0].gate_up.panels.scalar_type(), at::kBFloat16);
  const auto parameters = static_cast<double>(weights->num_parameters());
  EXPECT_GE(static_cast<double>(weights->num_bytes()), 2 * parameters);
  EXPECT_LE(static_cast<double>(weights->num_bytes()), 2.01 * parameters);  // biases are float32
}

TEST_F(ModelWeightsTest, MissingTensorIsNamed) {
  Tensor("model.visual.blocks.1.attn.proj.weight").name = "model.visual.blocks.1.attn.other";
  const absl::Status status = Load();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("model.visual.blocks.1.attn.proj.weight"));
}

TEST_F(ModelWeightsTest, WrongShapeIsNamedWithBothShapes) {
  FileTensor& tensor = Tensor("model.language_model.layers.0.mlp.down_proj.weight");
  tensor.shape = {96, 64};
  const absl::Status status = Load();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("layers.0.mlp.down_proj.weight"),
                                                   HasSubstr("[96, 64]"), HasSubstr("[64, 96]")));
}

TEST_F(ModelWeightsTest, WrongTypeIsNamed) {
  FileTensor& tensor = Tensor("lm_head.weight");
  tensor.dtype = "I32";
  const absl::Status status = Load();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("lm_head.weight"), HasSubstr("I32"), HasSubstr("BF16")));
}

TEST_F(ModelWeightsTest, BiasesMayLackOnlyWhenTheConfigurationSaysSo) {
  std::erase_if(tensors_, [](const FileTensor& tensor) {
    return tensor.name.find("_proj.bias") != std::string::npos;
  });
  EXPECT_EQ(Load().code(), absl::StatusCode::kNotFound);
  ModelConfig without_bias = config_;
  without_bias.text.attention_bias = false;
  EXPECT_TRUE(ModelWeights::Load(folder_, without_bias, at::kFloat, ops_).ok());
}

}  // namespace
}  // namespace glyph::vlm
