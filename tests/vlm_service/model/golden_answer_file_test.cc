#include "vlm_service/model/golden_answer_file.h"

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string File(const std::string& steps) {
  return R"({"text": "Hello", "tolerance": {"float32": 0.5, "bfloat16": 2}, "steps": )" + steps +
         "}";
}

TEST(GoldenAnswerFile, GivesStepsAndTheToleranceOfTheType) {
  const std::string json =
      File(R"([{"ids": [5, 7], "logits": [1.5, -2]}, {"ids": [3], "logits": [0]}])");
  const auto golden = ParseGoldenAnswer(json, "bfloat16");
  ASSERT_TRUE(golden.ok()) << golden.status();
  EXPECT_EQ(golden->text, "Hello");
  EXPECT_EQ(golden->tolerance, 2);
  ASSERT_EQ(golden->steps.size(), 2u);
  EXPECT_THAT(golden->steps[0].ids, ElementsAre(5, 7));
  EXPECT_THAT(golden->steps[0].logits, ElementsAre(1.5, -2));
  EXPECT_EQ(ParseGoldenAnswer(json, "float32")->tolerance, 0.5);
}

TEST(GoldenAnswerFile, NamesWhatIsWrong) {
  const std::pair<std::string, const char*> bad[] = {
      {"", "not JSON"},
      {"[]", "is not an object"},
      {R"({"steps": [{"ids": [1], "logits": [1]}]})", "tolerance.float32 is missing"},
      {R"({"steps": [], "tolerance": {"float32": -1}})", "tolerance.float32 is -1"},
      {R"({"tolerance": {"float32": 1}})", "steps is missing"},
      {File("[]"), "steps is []"},
      {File("{}"), "steps is {}"},
      {File("[1]"), "steps[0]. is not an object"},
      {File(R"([{"ids": [], "logits": []}])"), "steps[0].ids is []"},
      {File(R"([{"ids": [-1], "logits": [1]}])"), "steps[0].ids is [-1]"},
      {File(R"([{"ids": [1], "logits": [1]}, {"ids": [1], "logits": [1, 2]}])"),
       "steps[1].logits is [1,2]; expected one for each of ids"},
  };
  for (const auto& [json, message] : bad) {
    const absl::Status status = ParseGoldenAnswer(json, "float32").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << json;
    EXPECT_THAT(status.ToString(), HasSubstr(std::string("self_test.json: "))) << json;
    EXPECT_THAT(status.ToString(), HasSubstr(message)) << json;
  }
}

}  // namespace
}  // namespace glyph::vlm
