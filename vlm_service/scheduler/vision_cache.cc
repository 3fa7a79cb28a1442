#include "vlm_service/scheduler/vision_cache.h"

#include <utility>

#include "proto/base/check.h"

namespace glyph::vlm {

PageId VisionCache::Hold(const ContentHash& name) {
  Page& page = pages_.at(by_name_.at(name));
  if (page.num_holders++ == 0) {
    idle_.erase(page.place);
    num_held_tokens_ += page.grid.num_tokens();
  }
  return page.id;
}

void VisionCache::HoldAgain(PageId id) {
  Page& page = pages_.at(id);
  GLYPH_CHECK(page.num_holders > 0);
  ++page.num_holders;
}

std::optional<PageId> VisionCache::TryAdd(const ContentHash& name, const PageGrid& grid,
                                          std::shared_ptr<const PageImage> image,
                                          int32_t num_units) {
  GLYPH_CHECK(!Knows(name) && num_units > 0 && image != nullptr);
  if (num_held_tokens_ + grid.num_tokens() > capacity_tokens_) return std::nullopt;
  while (num_tokens_ + grid.num_tokens() > capacity_tokens_) Remove(pages_.at(idle_.front()));
  const PageId id{next_id_++};
  Page& page = pages_[id];
  page.id = id;
  page.name = name;
  page.grid = grid;
  page.image = std::move(image);
  page.num_units = num_units;
  page.num_holders = 1;
  by_name_[name] = id;
  num_tokens_ += grid.num_tokens();
  num_held_tokens_ += grid.num_tokens();
  return id;
}

void VisionCache::Drop(PageId id) {
  Page& page = pages_.at(id);
  GLYPH_CHECK(page.num_holders > 0);
  if (--page.num_holders > 0) return;
  num_held_tokens_ -= page.grid.num_tokens();
  page.place = idle_.insert(idle_.end(), id);
  if (!page.encoded() || page.forgotten) Remove(page);
}

void VisionCache::Advance(PageId id, int32_t num_units) {
  Page& page = pages_.at(id);
  num_in_work_ -= page.in_work() ? 1 : 0;
  page.num_units_done += num_units;
  num_in_work_ += page.in_work() ? 1 : 0;
  GLYPH_CHECK(page.num_units_done <= page.num_units);
  if (page.encoded()) page.image.reset();
}

void VisionCache::Restart(PageId id) {
  Page& page = pages_.at(id);
  GLYPH_CHECK(!page.encoded());
  num_in_work_ -= page.in_work() ? 1 : 0;
  page.num_units_done = 0;
  released_.push_back(id);
}

void VisionCache::Forget(const ContentHash& name) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return;
  Page& page = pages_.at(found->second);
  by_name_.erase(found);
  page.forgotten = true;
  if (page.num_holders == 0) Remove(page);
}

std::vector<PageId> VisionCache::TakeReleased() { return std::exchange(released_, {}); }

void VisionCache::Remove(Page& page) {
  GLYPH_CHECK(page.num_holders == 0);
  const PageId id = page.id;
  if (page.num_units_done > 0) released_.push_back(id);
  num_in_work_ -= page.in_work() ? 1 : 0;
  num_tokens_ -= page.grid.num_tokens();
  idle_.erase(page.place);
  if (!page.forgotten) by_name_.erase(page.name);
  pages_.erase(id);
}

}  // namespace glyph::vlm
