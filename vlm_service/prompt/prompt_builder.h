#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "vlm_service/prompt/page_image.h"
#include "vlm_service/prompt/prompt.h"
#include "vlm_service/tokenizer/tokenizer.h"

namespace glyph::vlm {

// One part of the user's turn: text, which is never read as special tokens, or pages in a row.
using PromptPiece = std::variant<std::string, std::vector<PageGrid>>;

// Writes the user's turn in GLM-4.1V's chat template:
//   [gMASK]<sop><|user|>\n PIECES <|assistant|>\n
// with <|begin_of_image|>, one <|image|> a token of the page, <|end_of_image|> for each page.
// Positions are those of Hugging Face's Glm4vModel.get_rope_index. Immutable and thread-safe.
class PromptBuilder {
 public:
  // INVALID_ARGUMENT names the special token the tokenizer lacks.
  static absl::StatusOr<std::unique_ptr<PromptBuilder>> Create(
      std::shared_ptr<const Tokenizer> tokenizer);

  // Neighbouring texts are joined before they are tokenised. Grids have at least one token.
  Prompt Build(std::span<const PromptPiece> pieces) const;

  // Tokens of a text alone.
  int64_t CountTextTokens(std::string_view text) const;

  // No prompt of `text_bytes` bytes of text in all, and `num_pages` pages of `visual_tokens` image
  // tokens in all, has more tokens than this.
  static int64_t MaxTokens(int64_t text_bytes, int64_t num_pages, int64_t visual_tokens);

 private:
  friend class PromptStream;
  struct TemplateTokens {
    int32_t mask = 0;
    int32_t start_of_prompt = 0;
    int32_t user = 0;
    int32_t assistant = 0;
    int32_t begin_of_image = 0;
    int32_t image = 0;
    int32_t end_of_image = 0;
  };

  PromptBuilder(std::shared_ptr<const Tokenizer> tokenizer, TemplateTokens tokens);

  const std::shared_ptr<const Tokenizer> tokenizer_;
  const TemplateTokens tokens_;
};

}  // namespace glyph::vlm
