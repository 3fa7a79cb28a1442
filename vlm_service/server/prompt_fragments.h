#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "glyph/v1/vlm.pb.h"
#include "vlm_service/prompt/prompt_builder.h"
#include "vlm_service/prompt/prompt_stream.h"

namespace glyph::vlm {

// Writes the prompt of one call while its pages arrive: each page with the texts of the parts
// before it, at last the remaining texts.
//   PromptFragments prompt(start, builder);
//   engine.OfferPage(id, name, prompt.UpToPage(part_index, grid)); ...
//   engine.FinishPrompt(id, prompt.Rest());
// Not thread-safe. `builder` outlives it.
class PromptFragments {
 public:
  // `start` was validated.
  PromptFragments(const v1::GenerateStart& start, const PromptBuilder& builder);

  // What comes since the last page, and a page of part `part_index`, which never falls.
  Prompt UpToPage(size_t part_index, const PageGrid& grid);

  // The end of the prompt. Nothing may follow.
  Prompt Rest();

 private:
  // Adds the texts of all parts before `part_index` that were not added yet.
  void AddTextsBefore(size_t part_index);

  std::vector<std::string> texts_;  // of every part; empty for page groups
  size_t next_part_ = 0;
  PromptStream stream_;
};

}  // namespace glyph::vlm
