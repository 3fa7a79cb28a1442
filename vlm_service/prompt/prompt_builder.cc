#include "vlm_service/prompt/prompt_builder.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "vlm_service/prompt/prompt_stream.h"

namespace glyph::vlm {
namespace {

constexpr int64_t kTemplateTokens = 6;  // [gMASK] <sop> <|user|> \n ... <|assistant|> \n
constexpr int64_t kTokensPerPage = 2;   // <|begin_of_image|>, <|end_of_image|>

}  // namespace

PromptBuilder::PromptBuilder(std::shared_ptr<const Tokenizer> tokenizer, TemplateTokens tokens)
    : tokenizer_(std::move(tokenizer)), tokens_(tokens) {}

absl::StatusOr<std::unique_ptr<PromptBuilder>> PromptBuilder::Create(
    std::shared_ptr<const Tokenizer> tokenizer) {
  TemplateTokens tokens;
  const std::pair<const char*, int32_t*> wanted[] = {
      {"[gMASK]", &tokens.mask},
      {"<sop>", &tokens.start_of_prompt},
      {"<|user|>", &tokens.user},
      {"<|assistant|>", &tokens.assistant},
      {"<|begin_of_image|>", &tokens.begin_of_image},
      {"<|image|>", &tokens.image},
      {"<|end_of_image|>", &tokens.end_of_image},
  };
  for (const auto& [content, id] : wanted) {
    const auto found = tokenizer->AddedTokenId(content);
    if (!found) {
      return absl::InvalidArgumentError(absl::StrCat("tokenizer.json has no added token ", content,
                                                     ", which the chat template needs"));
    }
    *id = *found;
  }
  return std::unique_ptr<PromptBuilder>(new PromptBuilder(std::move(tokenizer), tokens));
}

Prompt PromptBuilder::Build(std::span<const PromptPiece> pieces) const {
  PromptStream stream(*this);
  for (const PromptPiece& piece : pieces) {
    if (const auto* text = std::get_if<std::string>(&piece)) {
      stream.AddText(*text);
    } else {
      for (const PageGrid& grid : std::get<std::vector<PageGrid>>(piece)) stream.AddPage(grid);
    }
  }
  stream.Finish();
  return stream.Take();
}

int64_t PromptBuilder::CountTextTokens(std::string_view text) const {
  return static_cast<int64_t>(tokenizer_->EncodeText(text).size());
}

int64_t PromptBuilder::MaxTokens(int64_t text_bytes, int64_t num_pages, int64_t visual_tokens) {
  return kTemplateTokens + text_bytes + kTokensPerPage * num_pages + visual_tokens;
}

}  // namespace glyph::vlm
