#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vlm_service/prompt/prompt_builder.h"

namespace glyph::vlm {

// Writes one prompt as its parts become known, so that its beginning can be read before its end
// came. The fragments put together are what PromptBuilder::Build gives for the same pieces.
//   PromptStream stream(builder);
//   stream.AddText("Compare ");
//   stream.AddPage(grid);  Prompt first = stream.Take();
//   stream.AddText("and say what changed.");  stream.Finish();  Prompt last = stream.Take();
// `builder` outlives it. Not thread-safe.
class PromptStream {
 public:
  explicit PromptStream(const PromptBuilder& builder);

  // Joined with the text before and after it, up to the next page.
  void AddText(std::string_view text) { text_ += text; }
  void AddPage(const PageGrid& grid);
  // The user's turn is over; nothing may be added.
  void Finish();

  // What was written since the last call: pages count from the fragment's first token, positions
  // from the prompt's. Text not followed by a page or Finish yet stays.
  Prompt Take();

 private:
  void AddToken(int32_t id);
  void WriteText();

  const PromptBuilder& builder_;
  std::string text_;  // since the last special token
  std::vector<int32_t> ids_;
  std::vector<PromptPage> pages_;
  std::array<std::vector<int32_t>, 3> positions_;
  int32_t next_position_ = 0;
};

}  // namespace glyph::vlm
