#pragma once
#include <string>

#include "absl/status/statusor.h"
#include "vlm_service/engine/golden_answer.h"

namespace glyph::vlm {

// Reads self_test.json, which tests/reference/model/make_self_test.py writes:
//   {"text": "Read the page.",
//    "steps": [{"ids": [263, 10], "logits": [20.1, 6.3]}, ...],  at most 64
//    "tolerance": {"float32": 0.001, "bfloat16": 0.2}}
// and takes the tolerance of `dtype`. INVALID_ARGUMENT names file, key and value.
absl::StatusOr<GoldenAnswer> ParseGoldenAnswer(const std::string& json, const std::string& dtype);

}  // namespace glyph::vlm
