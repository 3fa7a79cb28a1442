#pragma once
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "vlm_service/kv_cache/block_hash.h"
#include "vlm_service/scheduler/plan.h"

namespace glyph::vlm {

// Which pages' vision outputs the executor holds, within a budget of image tokens. A page is held
// for those who still read it; an encoded page nobody holds stays until its room is needed, least
// recently used first. So a page is encoded once, however many requests bring it.
// Not thread-safe: only the engine thread calls it.
class VisionCache {
 public:
  explicit VisionCache(int64_t capacity_tokens) : capacity_tokens_(capacity_tokens) {}

  // What is known of one page while it is here.
  struct Page {
    PageId id{};
    ContentHash name;
    PageGrid grid;
    std::shared_ptr<const PageImage> image;  // until it is encoded
    int32_t num_units = 0;
    int32_t num_units_done = 0;
    int32_t num_holders = 0;
    bool forgotten = false;             // by_name_ does not lead here
    std::list<PageId>::iterator place;  // in idle_, when nobody holds it

    bool encoded() const { return num_units_done == num_units; }
    bool in_work() const { return num_units_done > 0 && !encoded(); }
  };

  bool Knows(const ContentHash& name) const { return by_name_.contains(name); }

  // Adds a holder to the page of this name.
  PageId Hold(const ContentHash& name);
  // Adds a holder to a page that has one.
  void HoldAgain(PageId id);

  // Takes in a page that is not here, with one holder, and drops idle ones to make room. nullopt:
  // the room is held by others for now.
  std::optional<PageId> TryAdd(const ContentHash& name, const PageGrid& grid,
                               std::shared_ptr<const PageImage> image, int32_t num_units);

  // Drops a holder. A page that is not encoded leaves with its last one.
  void Drop(PageId id);

  // Records that `num_units` more units of the page are done.
  void Advance(PageId id, int32_t num_units);

  // Nothing of the page is done: the executor shall forget what it has of it.
  void Restart(PageId id);

  const Page& Get(PageId id) const { return pages_.at(id); }

  // Nobody finds the page under its name any more; those who hold it keep it.
  void Forget(const ContentHash& name);

  // Pages the executor shall forget. Each is told once, and again for every restart.
  std::vector<PageId> TakeReleased();

  int64_t num_tokens() const { return num_tokens_; }            // of all pages here
  int64_t num_held_tokens() const { return num_held_tokens_; }  // of those somebody holds
  int32_t num_pages_in_work() const { return num_in_work_; }    // begun, not encoded
  int32_t num_pages() const { return static_cast<int32_t>(pages_.size()); }

 private:
  void Remove(Page& page);

  const int64_t capacity_tokens_;
  std::unordered_map<PageId, Page> pages_;
  std::unordered_map<ContentHash, PageId> by_name_;
  std::list<PageId> idle_;  // least recently used first
  std::vector<PageId> released_;
  int64_t num_tokens_ = 0;
  int64_t num_held_tokens_ = 0;
  int32_t num_in_work_ = 0;
  int64_t next_id_ = 0;
};

}  // namespace glyph::vlm
