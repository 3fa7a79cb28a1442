#include "vlm_service/prompt/prompt_builder.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace glyph::vlm {
namespace {

constexpr int64_t kTemplateTokens = 6;  // [gMASK] <sop> <|user|> \n ... <|assistant|> \n
constexpr int64_t kTokensPerPage = 2;   // <|begin_of_image|>, <|end_of_image|>

// A prompt as it grows; positions are kept per axis until it is whole.
class PromptWriter {
 public:
  void AddTokens(std::span<const int32_t> ids) {
    for (const int32_t id : ids) AddToken(id);
  }

  void AddToken(int32_t id) {
    prompt_.ids.push_back(id);
    for (auto& axis : positions_) axis.push_back(next_position_);
    ++next_position_;
  }

  // The tokens of a page lie on a grid of their own, all at one time; what follows goes on after
  // the longer side.
  void AddPage(int32_t image_token, const PageGrid& grid) {
    prompt_.pages.push_back({static_cast<int64_t>(prompt_.ids.size()), grid});
    for (int32_t row = 0; row < grid.rows; ++row) {
      for (int32_t col = 0; col < grid.cols; ++col) {
        prompt_.ids.push_back(image_token);
        positions_[0].push_back(next_position_);
        positions_[1].push_back(next_position_ + row);
        positions_[2].push_back(next_position_ + col);
      }
    }
    next_position_ += std::max(grid.rows, grid.cols);
  }

  Prompt Finish() && {
    for (const auto& axis : positions_) {
      prompt_.positions.insert(prompt_.positions.end(), axis.begin(), axis.end());
    }
    prompt_.next_position = next_position_;
    return std::move(prompt_);
  }

 private:
  Prompt prompt_;
  std::array<std::vector<int32_t>, 3> positions_;
  int32_t next_position_ = 0;
};

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
  PromptWriter writer;
  writer.AddToken(tokens_.mask);
  writer.AddToken(tokens_.start_of_prompt);
  writer.AddToken(tokens_.user);
  std::string text = "\n";  // since the last special token
  for (const PromptPiece& piece : pieces) {
    if (const auto* more_text = std::get_if<std::string>(&piece)) {
      text += *more_text;
      continue;
    }
    for (const PageGrid& grid : std::get<std::vector<PageGrid>>(piece)) {
      writer.AddTokens(tokenizer_->EncodeText(std::exchange(text, "")));
      writer.AddToken(tokens_.begin_of_image);
      writer.AddPage(tokens_.image, grid);
      writer.AddToken(tokens_.end_of_image);
    }
  }
  writer.AddTokens(tokenizer_->EncodeText(text));
  writer.AddToken(tokens_.assistant);
  writer.AddTokens(tokenizer_->EncodeText("\n"));
  return std::move(writer).Finish();
}

int64_t PromptBuilder::MaxTokens(int64_t text_bytes, int64_t num_pages, int64_t visual_tokens) {
  return kTemplateTokens + text_bytes + kTokensPerPage * num_pages + visual_tokens;
}

}  // namespace glyph::vlm
