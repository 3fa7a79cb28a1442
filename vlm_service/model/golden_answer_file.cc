#include "vlm_service/model/golden_answer_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "proto/base/json.h"
#include "proto/rpc/error.h"
#include "vlm_service/model/json_fields.h"

namespace glyph::vlm {
namespace {

constexpr char kFile[] = "self_test.json";
constexpr size_t kMaxSteps = 64;
constexpr double kMaxTolerance = 1e6;

GoldenStep ReadStep(const JsonFields& fields) {
  GoldenStep step = {.ids = fields.Ints("ids", {}), .logits = fields.Numbers("logits", {})};
  if (step.ids.empty() ||
      std::any_of(step.ids.begin(), step.ids.end(), [](int id) { return id < 0; })) {
    fields.Fail("ids", "at least one token id");
  }
  if (step.logits.size() != step.ids.size()) fields.Fail("logits", "one for each of ids");
  return step;
}

}  // namespace

absl::StatusOr<GoldenAnswer> ParseGoldenAnswer(const std::string& json, const std::string& dtype) {
  const absl::StatusOr<nlohmann::json> root = base::ParseJson(json);
  if (!root.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(kFile, ": ", root.status().message()));
  }
  GoldenAnswer golden;
  absl::Status status;
  const JsonFields fields(*root, absl::StrCat(kFile, ": "), status);
  golden.text = fields.String("text", golden.text);
  const JsonFields tolerance = fields.Object("tolerance");
  golden.tolerance = tolerance.Number(dtype, 0, 0, kMaxTolerance);
  if (!tolerance.Has(dtype)) tolerance.Fail(dtype, "the largest error of a logit");
  const nlohmann::json steps = fields.Has("steps") ? (*root)["steps"] : nlohmann::json();
  if (!steps.is_array() || steps.empty() || steps.size() > kMaxSteps) {
    fields.Fail("steps", absl::StrCat("a list of 1 to ", kMaxSteps, " objects"));
    return status;
  }
  for (const nlohmann::json& step : steps) {
    const std::string path = absl::StrCat(kFile, ": steps[", golden.steps.size(), "].");
    golden.steps.push_back(ReadStep(JsonFields(step, path, status)));
  }
  GLYPH_RETURN_IF_ERROR(status);
  return golden;
}

}  // namespace glyph::vlm
