#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "vlm_service/prompt/page_image.h"
#include "vlm_service/prompt/prompt.h"

namespace glyph::vlm {

// A page without pixels whose key is `key` 32 times.
inline std::shared_ptr<const PageImage> FakePage(uint8_t key) {
  auto image = std::make_shared<PageImage>();
  image->key.fill(key);
  return image;
}

// A prompt of the pages and then `text`; positions as after pages, but not those of a real model.
inline std::shared_ptr<const Prompt> FakePrompt(const std::vector<PageGrid>& grids,
                                                const std::vector<int32_t>& text) {
  auto prompt = std::make_shared<Prompt>();
  for (const PageGrid& grid : grids) {
    prompt->pages.push_back({static_cast<int64_t>(prompt->ids.size()), grid});
    prompt->ids.resize(prompt->ids.size() + static_cast<size_t>(grid.num_tokens()), -1);
    prompt->next_position += grid.rows > grid.cols ? grid.rows : grid.cols;
  }
  prompt->ids.insert(prompt->ids.end(), text.begin(), text.end());
  prompt->next_position += static_cast<int32_t>(text.size());
  prompt->positions.resize(3 * prompt->ids.size());
  return prompt;
}

}  // namespace glyph::vlm
