#include "vlm_service/sampling/token_history.h"

namespace glyph::vlm {

void TokenHistory::AddPrompt(int32_t token) { output_counts_.try_emplace(token, 0); }

void TokenHistory::AddOutput(int32_t token) { ++output_counts_[token]; }

}  // namespace glyph::vlm
