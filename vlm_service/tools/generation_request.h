#pragma once
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "vlm_service/model/model_config.h"
#include "vlm_service/tokenizer/tokenizer.h"
#include "vlm_service/tools/generation.h"

namespace glyph::vlm {

// A greedy request over PNG files, read by the Hugging Face rule, and a text after them. Stop
// tokens and repetition penalty are the model's, which must outlive the request. Errors are
// ReadPng's, PageGridOf's and PromptBuilder's.
absl::StatusOr<GenerationRequest> MakeRequest(const std::vector<std::string>& page_files,
                                              const std::string& text, const ModelConfig& config,
                                              std::shared_ptr<const Tokenizer> tokenizer);

}  // namespace glyph::vlm
