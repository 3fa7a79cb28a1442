#include "vlm_service/prompt/prompt_stream.h"

#include <algorithm>
#include <utility>

namespace glyph::vlm {

PromptStream::PromptStream(const PromptBuilder& builder) : builder_(builder), text_("\n") {
  AddToken(builder.tokens_.mask);
  AddToken(builder.tokens_.start_of_prompt);
  AddToken(builder.tokens_.user);
}

// The tokens of a page lie on a grid of their own, all at one time; what follows goes on after the
// longer side.
void PromptStream::AddPage(const PageGrid& grid) {
  WriteText();
  AddToken(builder_.tokens_.begin_of_image);
  pages_.push_back({static_cast<int64_t>(ids_.size()), grid});
  for (int32_t row = 0; row < grid.rows; ++row) {
    for (int32_t col = 0; col < grid.cols; ++col) {
      ids_.push_back(builder_.tokens_.image);
      positions_[0].push_back(next_position_);
      positions_[1].push_back(next_position_ + row);
      positions_[2].push_back(next_position_ + col);
    }
  }
  next_position_ += std::max(grid.rows, grid.cols);
  AddToken(builder_.tokens_.end_of_image);
}

void PromptStream::Finish() {
  WriteText();
  AddToken(builder_.tokens_.assistant);
  AddText("\n");
  WriteText();
}

Prompt PromptStream::Take() {
  Prompt fragment;
  fragment.ids = std::exchange(ids_, {});
  fragment.pages = std::exchange(pages_, {});
  fragment.positions.reserve(3 * fragment.ids.size());
  for (auto& axis : positions_) {
    fragment.positions.insert(fragment.positions.end(), axis.begin(), axis.end());
    axis.clear();
  }
  fragment.next_position = next_position_;
  return fragment;
}

void PromptStream::AddToken(int32_t id) {
  ids_.push_back(id);
  for (auto& axis : positions_) axis.push_back(next_position_);
  ++next_position_;
}

void PromptStream::WriteText() {
  for (const int32_t id : builder_.tokenizer_->EncodeText(std::exchange(text_, ""))) AddToken(id);
}

}  // namespace glyph::vlm
