#include "tests/bench/bench_prompts.h"

#include <cstddef>
#include <span>
#include <utility>

#include "proto/base/check.h"
#include "vlm_service/prompt/prompt_stream.h"

namespace glyph::vlm {
namespace {

// Adds text behind a prompt's last fragment.
void Append(std::span<const int32_t> ids, Prompt& fragment) {
  const auto old = static_cast<std::ptrdiff_t>(fragment.ids.size());
  std::vector<int32_t> positions;
  for (std::ptrdiff_t axis = 0; axis < 3; ++axis) {
    const auto begin = fragment.positions.begin() + axis * old;
    positions.insert(positions.end(), begin, begin + old);
    for (size_t i = 0; i < ids.size(); ++i) {
      positions.push_back(fragment.next_position + static_cast<int32_t>(i));
    }
  }
  fragment.positions = std::move(positions);
  fragment.ids.insert(fragment.ids.end(), ids.begin(), ids.end());
  fragment.next_position += static_cast<int32_t>(ids.size());
}

}  // namespace

FragmentedPrompt BenchPrompts::Make(int64_t text_tokens, const Pages& pages) {
  FragmentedPrompt prompt;
  prompt.pages = pages;
  prompt.num_tokens = text_tokens;
  PromptStream stream(builder_);
  int64_t known = 0;
  for (const auto& page : pages) {
    prompt.grids.push_back(GridOf(*page));
    prompt.num_tokens += prompt.grids.back().num_tokens();
    stream.AddPage(prompt.grids.back());
    prompt.fragments.push_back(stream.Take());
    known += static_cast<int64_t>(prompt.fragments.back().ids.size());
  }
  stream.Finish();
  prompt.fragments.push_back(stream.Take());
  known += static_cast<int64_t>(prompt.fragments.back().ids.size());
  GLYPH_CHECK(known <= prompt.num_tokens);
  std::vector<int32_t> ids(static_cast<size_t>(prompt.num_tokens - known));
  for (int32_t& id : ids) id = ids_(random_);
  Append(ids, prompt.fragments.back());
  return prompt;
}

std::shared_ptr<const PageImage> BenchPrompts::FreshPage(PageOrigin origin, int32_t width,
                                                         int32_t height) {
  PageImage page;
  page.origin = origin;
  page.width = width;
  page.height = height;
  page.channels = origin == PageOrigin::kRendered ? 1 : 3;
  page.pixels.resize(static_cast<size_t>(width) * static_cast<size_t>(height) *
                     static_cast<size_t>(page.channels));
  uint32_t state = next_key_;
  for (uint8_t& pixel : page.pixels) {
    state = state * 1664525U + 1013904223U;
    pixel = static_cast<uint8_t>(state >> 24);
  }
  for (size_t i = 0; i < 4; ++i) page.key[i] = static_cast<uint8_t>(next_key_ >> (8 * i));
  ++next_key_;
  return std::make_shared<const PageImage>(std::move(page));
}

PageGrid BenchPrompts::GridOf(const PageImage& page) const {
  const auto grid = PageGridOf(page.origin, page.width, page.height, limits_);
  GLYPH_CHECK(grid.ok());
  return *grid;
}

}  // namespace glyph::vlm
