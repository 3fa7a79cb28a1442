#include "vlm_service/scheduler/sequence.h"

#include <algorithm>
#include <span>
#include <utility>

#include "proto/base/check.h"

namespace glyph::vlm {

Sequence::Sequence(SequenceSpec s) : spec(std::move(s)) {}

void Sequence::AppendPrompt(const Prompt& fragment) {
  GLYPH_CHECK(!prompt_complete);
  const auto count = static_cast<ptrdiff_t>(fragment.ids.size());
  for (const PromptPage& page : fragment.pages) {
    SequencePage added;
    added.grid = page.grid;
    added.first_token = num_known() + page.first_token;
    pages.push_back(std::move(added));
  }
  ids.insert(ids.end(), fragment.ids.begin(), fragment.ids.end());
  for (size_t axis = 0; axis < positions.size(); ++axis) {
    const auto begin = fragment.positions.begin() + static_cast<ptrdiff_t>(axis) * count;
    positions[axis].insert(positions[axis].end(), begin, begin + count);
  }
  num_prompt_tokens = num_known();
  next_position = fragment.next_position;
}

void Sequence::AppendOutput(int32_t token) {
  GLYPH_CHECK(prompt_complete);
  ids.push_back(token);
}

int32_t Sequence::position(int axis, int64_t index) const {
  if (index >= num_prompt_tokens) {
    return next_position + static_cast<int32_t>(index - num_prompt_tokens);
  }
  return positions[static_cast<size_t>(axis)][static_cast<size_t>(index)];
}

void Sequence::NameFullBlocks(int32_t block_tokens) {
  auto page = std::lower_bound(
      pages.begin(), pages.end(), static_cast<int64_t>(block_names.size()) * block_tokens,
      [](const SequencePage& p, int64_t first) { return p.end_token() <= first; });
  while (static_cast<int64_t>(block_names.size() + 1) * block_tokens <= num_known()) {
    int64_t at = static_cast<int64_t>(block_names.size()) * block_tokens;
    const int64_t end = at + block_tokens;
    BlockHasher hasher(block_names.empty() ? ChainStart(spec.tenant) : block_names.back());
    while (at < end) {
      while (page != pages.end() && page->end_token() <= at) ++page;
      const bool in_page = page != pages.end() && page->first_token <= at;
      if (in_page) {
        const int64_t count = std::min(end, page->end_token()) - at;
        hasher.AddPage(page->name, at - page->first_token, count);
        at += count;
      } else {
        const int64_t stop = page == pages.end() ? end : std::min(end, page->first_token);
        hasher.AddTokens(
            std::span(ids).subspan(static_cast<size_t>(at), static_cast<size_t>(stop - at)));
        at = stop;
      }
    }
    block_names.push_back(hasher.Finish());
  }
}

}  // namespace glyph::vlm
