#pragma once
#include <cstdint>
#include <vector>

#include "gateway/http/chat_messages.h"

namespace glyph::gateway {

// Which plain texts of the user are drawn as pages instead of being read as tokens.
enum class RenderMode { kAuto, kAlways, kNever };

// A text of more characters than this is drawn unless the request says otherwise.
inline constexpr int64_t kDefaultRenderThreshold = 2000;
// A longer last paragraph is not taken for the question.
inline constexpr uint64_t kMaxQuestionCharacters = 1000;

// Turns the user's texts of more than `threshold` characters (kAlways: all that hold any) into
// documents. The question stays text: the last paragraph of the last text of the user, when it is
// short and something comes before it. Order and characters stay, but for blank lines around a cut.
std::vector<ChatPiece> DrawLongTexts(std::vector<ChatPiece> pieces, RenderMode mode,
                                     int64_t threshold);

}  // namespace glyph::gateway
