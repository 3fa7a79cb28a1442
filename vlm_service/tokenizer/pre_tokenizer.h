#pragma once
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "nlohmann/json_fwd.hpp"
#include "vlm_service/tokenizer/split_pattern.h"

namespace glyph::vlm {

// Cuts text into the words that byte-pair encoding never joins: zero or more Split steps, then
// ByteLevel (tokenizers, pre_tokenizers/). Immutable and thread-safe.
class PreTokenizer {
 public:
  // Reads `pre_tokenizer` of a tokenizer.json. INVALID_ARGUMENT names the type, behaviour or field
  // that is malformed or not honoured.
  static absl::StatusOr<PreTokenizer> FromJson(const nlohmann::json& json);

  // Calls `emit` for each word of `text`, in order. Words live only during the call.
  void ForEachWord(std::string_view text, absl::FunctionRef<void(std::string_view)> emit) const;

 private:
  struct Step {
    SplitPattern pattern;
    bool keep_matches = true;
    bool keep_gaps = true;
  };

  PreTokenizer() = default;

  absl::Status AddStep(const nlohmann::json& json);
  absl::Status AddSplit(const nlohmann::json& json);
  absl::Status AddByteLevel(const nlohmann::json& json);
  void RunSteps(size_t step, std::string_view text,
                absl::FunctionRef<void(std::string_view)> emit) const;

  std::vector<Step> steps_;  // those of Split, then GPT-2's pattern where ByteLevel uses it
  std::optional<size_t> byte_level_step_;  // where in steps_ ByteLevel begins
  bool add_prefix_space_ = false;          // ByteLevel: a space before each piece without one
};

}  // namespace glyph::vlm
