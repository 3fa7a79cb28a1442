#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "vlm_service/kv_cache/block_hash.h"
#include "vlm_service/prompt/page_image.h"
#include "vlm_service/prompt/prompt.h"

namespace glyph::vlm {

// A page of a document whose pixels are its key, 32 times the same number.
struct FakePage {
  uint8_t key = 0;
  PageGrid grid;

  ContentHash Name(std::string_view salt = "") const {
    const std::shared_ptr<const PageImage> image = Image();
    return HashPage({image->key, grid.cols, grid.rows, 1, false, salt});
  }
  std::shared_ptr<const PageImage> Image() const {
    auto image = std::make_shared<PageImage>();
    image->key.fill(key);
    return image;
  }
};

// Writes a prompt fragment by fragment, as PromptStream does, with the ids that a test chooses;
// image tokens have the id -1.
class FakePromptStream {
 public:
  // `before`, then the page.
  Prompt Page(const std::vector<int32_t>& before, const PageGrid& grid) {
    Prompt fragment;
    AddText(before);
    fragment.pages.push_back({static_cast<int64_t>(ids_.size()), grid});
    for (int32_t row = 0; row < grid.rows; ++row) {
      for (int32_t col = 0; col < grid.cols; ++col) {
        AddToken(-1, next_position_, next_position_ + row, next_position_ + col);
      }
    }
    next_position_ += std::max(grid.rows, grid.cols);
    return Take(std::move(fragment));
  }

  // The rest.
  Prompt Text(const std::vector<int32_t>& ids) {
    AddText(ids);
    return Take({});
  }

 private:
  void AddText(const std::vector<int32_t>& ids) {
    for (const int32_t id : ids) {
      AddToken(id, next_position_, next_position_, next_position_);
      ++next_position_;
    }
  }
  void AddToken(int32_t id, int32_t time, int32_t height, int32_t width) {
    ids_.push_back(id);
    const int32_t position[3] = {time, height, width};
    for (size_t axis = 0; axis < 3; ++axis) positions_[axis].push_back(position[axis]);
  }
  Prompt Take(Prompt fragment) {
    fragment.ids.swap(ids_);
    for (auto& axis : positions_) {
      fragment.positions.insert(fragment.positions.end(), axis.begin(), axis.end());
      axis.clear();
    }
    fragment.next_position = next_position_;
    return fragment;
  }

  std::vector<int32_t> ids_;
  std::vector<int32_t> positions_[3];
  int32_t next_position_ = 0;
};

// A prompt without pages.
inline Prompt FakeText(const std::vector<int32_t>& ids) { return FakePromptStream().Text(ids); }

}  // namespace glyph::vlm
