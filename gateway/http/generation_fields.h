#pragma once
#include <vector>

#include "gateway/http/json_fields.h"
#include "glyph/v1/vlm.pb.h"

namespace glyph::gateway {

// Reads OpenAI's fields of how tokens are chosen, and vLLM's top_k, min_p and repetition_penalty,
// into `options`. Fields that ask for what this server does not do (tools, logprobs, audio, other
// formats than text) are violations; those without meaning here (user, metadata, store) are let be.
void ReadGeneration(const JsonFields& body, v1::GenerationOptions& options,
                    std::vector<rpc::FieldViolation>& violations);

}  // namespace glyph::gateway
