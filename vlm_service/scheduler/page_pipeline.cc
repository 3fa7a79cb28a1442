#include "vlm_service/scheduler/page_pipeline.h"

#include <algorithm>
#include <utility>

#include "proto/base/check.h"

namespace glyph::vlm {
namespace {

constexpr size_t kPagesAhead = 2;

}  // namespace

void PagePipeline::DecideOffers(Sequence& sequence, SchedulerNotices& notices) {
  const size_t first = sequence.num_announced_pages;
  const size_t end = std::min(sequence.pages.size(), first + kPagesAhead);
  for (size_t i = first; i < end; ++i) {
    SequencePage& page = sequence.pages[i];
    if (page.offer != SequencePage::Offer::kOpen) continue;
    const bool have = TryHave(page);
    page.offer = have ? SequencePage::Offer::kHave : SequencePage::Offer::kNeed;
    notices.decisions.push_back({sequence.spec.id, static_cast<int32_t>(i), have});
  }
}

bool PagePipeline::TryHave(SequencePage& page) {
  if (!cache_.Knows(page.name)) return false;
  const int64_t tokens = page.grid.num_tokens();
  if (num_have_tokens_ + tokens > limits_.max_vision_tokens / 2) return false;
  page.held = cache_.Hold(page.name);
  num_have_tokens_ += tokens;
  return true;
}

void PagePipeline::AddImage(Sequence& sequence, std::shared_ptr<const PageImage> image) {
  for (SequencePage& page : sequence.pages) {
    if (page.offer != SequencePage::Offer::kNeed || page.image != nullptr) continue;
    page.image = std::move(image);
    return;
  }
  GLYPH_CHECK(false);  // nobody asked for these pixels
}

// The cache had all of the page but its last tokens, which wait for the rest of their block.
bool PagePipeline::IsAllButCached(const Sequence& sequence, const SequencePage& page) const {
  return !page.held && page.first_token < sequence.num_computed &&
         sequence.AwaitsBlock(limits_.block_tokens);
}

bool PagePipeline::NeedsRoom(const Sequence& sequence) {
  return std::any_of(sequence.pages.begin(), sequence.pages.end(), [](const SequencePage& page) {
    return page.held && page.offer == SequencePage::Offer::kNeed;
  });
}

bool PagePipeline::IsReady(const Sequence& sequence, const SequencePage& page) const {
  if (page.offer == SequencePage::Offer::kOpen) return false;
  if (page.offer == SequencePage::Offer::kNeed && page.image == nullptr) return false;
  if (sequence.num_computed >= page.end_token() || IsAllButCached(sequence, page)) return true;
  return page.held && cache_.Get(*page.held).encoded();
}

void PagePipeline::Announce(Sequence& sequence, SchedulerNotices& notices,
                            SchedulerCounts& counts) {
  for (size_t& i = sequence.num_announced_pages; i < sequence.pages.size(); ++i) {
    const SequencePage& page = sequence.pages[i];
    if (!IsReady(sequence, page)) return;
    if (!page.encoded_here) ++counts.pages_reused;
    notices.pages.push_back({sequence.spec.id, static_cast<int32_t>(i), page.grid.num_tokens()});
  }
}

double PagePipeline::Plan(Sequence& sequence, const StepCost& cost, StepPlan& plan,
                          StepRoom& room) {
  double planned_ms = 0;
  size_t ahead = 0;
  for (SequencePage& page : sequence.pages) {
    if (sequence.num_computed >= page.end_token()) continue;
    if (ahead++ == kPagesAhead) return planned_ms;
    if (IsAllButCached(sequence, page)) continue;
    if (!TryHold(page, room.arena)) {
      if (ahead == 1 && page.image != nullptr) room.arena = false;
      return planned_ms;
    }
    const VisionCache::Page& entry = cache_.Get(*page.held);
    const int32_t left = entry.num_units - entry.num_units_done;
    if (left == 0 || in_step_.contains(entry.id)) continue;
    if (entry.num_units_done == 0 && num_in_work() >= limits_.max_pages_in_work) return planned_ms;
    // The first unit embeds the page, the others are alike.
    const int32_t embeds = entry.num_units_done == 0 ? 1 : 0;
    const auto features = [&](int32_t layer_units) {
      return StepCost::Vision(page.grid, embeds != 0,
                              static_cast<double>(layer_units) / (entry.num_units - 1));
    };
    const double embed_ms = cost.vision.Predict(features(0));
    const double unit_ms = cost.vision.Predict(features(1)) - embed_ms;
    const double fitting = embeds + (room.ms - embed_ms) / (unit_ms + 1e-6);
    if (fitting < 1 && !(plan.vision.empty() && plan.prefill.empty())) return planned_ms;
    const auto units = static_cast<int32_t>(std::clamp<double>(fitting, 1, left));
    plan.vision.push_back({entry.id, entry.image, entry.grid, entry.num_units_done, units});
    in_step_[entry.id] = units;
    page.encoded_here = true;
    const LinearCost::Features added = features(units - embeds);
    for (size_t i = 0; i < added.size(); ++i) step_features_[i] += added[i];
    const double slice_ms = embed_ms + unit_ms * (units - embeds);
    planned_ms += slice_ms;
    room.ms -= slice_ms;
    if (units < left) return planned_ms;
  }
  return planned_ms;
}

// A page that waits for its pixels holds nothing, though others may have brought them: who holds
// room must not depend on a client.
bool PagePipeline::TryHold(SequencePage& page, bool may_add) {
  if (page.held) return true;
  if (page.image == nullptr) return false;
  if (cache_.Knows(page.name)) {
    page.held = cache_.Hold(page.name);
    return true;
  }
  if (!may_add) return false;
  page.held = cache_.TryAdd(page.name, page.grid, page.image, limits_.VisionUnits(page.grid));
  return page.held.has_value();
}

LinearCost::Features PagePipeline::Commit(SchedulerCounts& counts) {
  for (const auto& [id, units] : in_step_) {
    cache_.Advance(id, units);
    if (cache_.Get(id).encoded()) ++counts.pages_encoded;
  }
  in_step_.clear();
  return std::exchange(step_features_, {});
}

int32_t PagePipeline::num_in_work() const {
  const auto begins = [this](const auto& entry) {
    return cache_.Get(entry.first).num_units_done == 0;
  };
  return cache_.num_pages_in_work() +
         static_cast<int32_t>(std::count_if(in_step_.begin(), in_step_.end(), begins));
}

void PagePipeline::Abandon() {
  for (const auto& [id, units] : in_step_) cache_.Restart(id);
  in_step_.clear();
  step_features_ = {};
}

bool PagePipeline::WillBeEncoded(const SequencePage& page) const {
  if (!page.held) return false;
  const VisionCache::Page& entry = cache_.Get(*page.held);
  const auto units = in_step_.find(entry.id);
  return entry.num_units_done + (units == in_step_.end() ? 0 : units->second) == entry.num_units;
}

int64_t PagePipeline::PrefillEnd(const Sequence& sequence) const {
  for (const SequencePage& page : sequence.pages) {
    if (sequence.num_computed >= page.end_token()) continue;
    if (!WillBeEncoded(page)) return std::max(page.first_token, sequence.num_computed);
  }
  return sequence.num_known();
}

void PagePipeline::DropPassed(Sequence& sequence) {
  for (SequencePage& page : sequence.pages) {
    if (sequence.num_computed < page.end_token()) return;
    if (page.image != nullptr) Drop(page);
  }
}

void PagePipeline::DropAll(Sequence& sequence, bool keep_haves) {
  for (SequencePage& page : sequence.pages) {
    const bool have = page.offer == SequencePage::Offer::kHave;
    if (have && keep_haves) continue;
    if (have) num_have_tokens_ -= page.grid.num_tokens();
    Drop(page);
  }
}

void PagePipeline::Drop(SequencePage& page) {
  if (!page.held) return;
  cache_.Drop(*page.held);
  page.held.reset();
}

void PagePipeline::HoldAgain(Sequence& fork) {
  fork.num_announced_pages = fork.pages.size();
  for (SequencePage& page : fork.pages) {
    if (!page.held) continue;
    cache_.HoldAgain(*page.held);
    if (page.offer == SequencePage::Offer::kHave) num_have_tokens_ += page.grid.num_tokens();
  }
}

}  // namespace glyph::vlm
