#include "vlm_service/tokenizer/pre_tokenizer.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "proto/rpc/error.h"
#include "vlm_service/tokenizer/json_fields.h"

namespace glyph::vlm {

using Json = nlohmann::json;

absl::StatusOr<PreTokenizer> PreTokenizer::FromJson(const Json& json) {
  PreTokenizer result;
  if (json.is_null()) return absl::InvalidArgumentError("null: only byte-level BPE is supported");
  GLYPH_ASSIGN_OR_RETURN(const std::string type, StringField(json, "type"));
  if (type == "Sequence") {
    GLYPH_ASSIGN_OR_RETURN(const Json* steps, Field(json, "pretokenizers"));
    if (!steps->is_array()) return absl::InvalidArgumentError("pretokenizers is not an array");
    for (const Json& step : *steps) GLYPH_RETURN_IF_ERROR(result.AddStep(step));
  } else {
    GLYPH_RETURN_IF_ERROR(result.AddStep(json));
  }
  if (!result.byte_level_step_) return absl::InvalidArgumentError("there is no ByteLevel step");
  return result;
}

absl::Status PreTokenizer::AddStep(const Json& json) {
  if (byte_level_step_) return absl::InvalidArgumentError("ByteLevel is not the last step");
  GLYPH_ASSIGN_OR_RETURN(const std::string type, StringField(json, "type"));
  if (type == "Split") return AddSplit(json);
  if (type == "ByteLevel") return AddByteLevel(json);
  return absl::InvalidArgumentError(
      absl::StrCat("the type ", QuoteToken(type), " is not supported; Split and ByteLevel are"));
}

absl::Status PreTokenizer::AddSplit(const Json& json) {
  GLYPH_ASSIGN_OR_RETURN(const Json* pattern, Field(json, "pattern"));
  GLYPH_ASSIGN_OR_RETURN(const std::string regex, StringField(*pattern, "Regex"));
  GLYPH_ASSIGN_OR_RETURN(const std::string behavior, StringField(json, "behavior"));
  GLYPH_ASSIGN_OR_RETURN(const bool invert, BoolField(json, "invert", false));
  if (behavior != "Isolated" && behavior != "Removed") {
    return absl::InvalidArgumentError(absl::StrCat("the Split behavior ", QuoteToken(behavior),
                                                   " is not supported; Isolated and Removed are"));
  }
  GLYPH_ASSIGN_OR_RETURN(SplitPattern compiled, SplitPattern::Create(regex));
  const bool removes = behavior == "Removed";
  steps_.push_back({std::move(compiled), /*keep_matches=*/!removes || invert,
                    /*keep_gaps=*/!removes || !invert});
  return absl::OkStatus();
}

absl::Status PreTokenizer::AddByteLevel(const Json& json) {
  GLYPH_ASSIGN_OR_RETURN(add_prefix_space_, BoolField(json, "add_prefix_space", true));
  GLYPH_ASSIGN_OR_RETURN(const bool use_regex, BoolField(json, "use_regex", true));
  byte_level_step_ = steps_.size();
  if (use_regex) steps_.push_back({SplitPattern::Gpt2()});
  return absl::OkStatus();
}

void PreTokenizer::ForEachWord(std::string_view text,
                               absl::FunctionRef<void(std::string_view)> emit) const {
  if (!text.empty()) RunSteps(0, text, emit);
}

void PreTokenizer::RunSteps(size_t step, std::string_view text,
                            absl::FunctionRef<void(std::string_view)> emit) const {
  if (step == byte_level_step_ && add_prefix_space_ && !text.starts_with(' ')) {
    RunSteps(step, std::string(" ").append(text), emit);
    return;
  }
  if (step == steps_.size()) {
    emit(text);
    return;
  }
  const Step& current = steps_[step];
  current.pattern.ForEachPiece(text, [&](std::string_view piece, bool is_match) {
    if (is_match ? current.keep_matches : current.keep_gaps) RunSteps(step + 1, piece, emit);
  });
}

}  // namespace glyph::vlm
