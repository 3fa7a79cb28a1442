#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "vlm_service/prompt/page_grid.h"
#include "vlm_service/prompt/prompt_builder.h"

namespace glyph::vlm {

using Pages = std::vector<std::shared_ptr<const PageImage>>;

// A prompt in the fragments that an engine is given: each of all but the last ends with a page.
struct FragmentedPrompt {
  Pages pages;
  std::vector<PageGrid> grids;  // of the pages
  std::vector<Prompt> fragments;
  int64_t num_tokens = 0;
};

// Makes prompts of exact lengths that have nothing in common, so that no cache knows them. Not
// thread-safe.
class BenchPrompts {
 public:
  // `builder` outlives it. Text is random ids below `vocab_size`.
  BenchPrompts(const PromptBuilder& builder, const PageLimits& limits, int32_t vocab_size)
      : builder_(builder), limits_(limits), ids_(0, std::min(vocab_size, 100000) - 1) {}

  // `text_tokens` besides the pages' image tokens: those of the template, then random ones.
  FragmentedPrompt Make(int64_t text_tokens, const Pages& pages = {});

  // Noise under a key of its own: gray when rendered, RGB when uploaded.
  std::shared_ptr<const PageImage> FreshPage(PageOrigin origin, int32_t width, int32_t height);

  PageGrid GridOf(const PageImage& page) const;

 private:
  const PromptBuilder& builder_;
  const PageLimits limits_;
  std::mt19937 random_{1};
  std::uniform_int_distribution<int32_t> ids_;
  uint32_t next_key_ = 1;
};

}  // namespace glyph::vlm
