#include "vlm_service/server/prompt_fragments.h"

namespace glyph::vlm {

PromptFragments::PromptFragments(const v1::GenerateStart& start, const PromptBuilder& builder)
    : stream_(builder) {
  for (const v1::PromptPart& part : start.parts()) texts_.push_back(part.text());
}

Prompt PromptFragments::UpToPage(size_t part_index, const PageGrid& grid) {
  AddTextsBefore(part_index);
  stream_.AddPage(grid);
  return stream_.Take();
}

Prompt PromptFragments::Rest() {
  AddTextsBefore(texts_.size());
  stream_.Finish();
  return stream_.Take();
}

void PromptFragments::AddTextsBefore(size_t part_index) {
  for (; next_part_ < part_index; ++next_part_) stream_.AddText(texts_[next_part_]);
}

}  // namespace glyph::vlm
