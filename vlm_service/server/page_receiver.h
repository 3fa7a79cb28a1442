#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "glyph/v1/vlm.pb.h"
#include "vlm_service/prompt/page_image.h"
#include "vlm_service/server/served_model.h"

namespace glyph::vlm {

// Puts the pages of one call together and keeps it to the order and the limits of vlm.proto: an
// offer, then strips that cover the page exactly unless it is skipped, then the next offer.
// Errors are INVALID_ARGUMENT and name the field; FAILED_PRECONDITION PROFILE_MISMATCH for pages of
// another profile than the model's; RESOURCE_EXHAUSTED VISION_CAPACITY for pages that are too large
// for this server. After an error the call is over.
// Not thread-safe. `start` was validated; `model` outlives the receiver.
class PageReceiver {
 public:
  // Pages have at most `max_page_tokens` image tokens.
  PageReceiver(const v1::GenerateStart& start, const ServedModel& model, int64_t max_page_tokens);

  // Begins a page: it is the current one until it is complete or skipped.
  absl::Status Offer(const v1::PageOffer& offer);

  // The current page is known: no strips of it come.
  void Skip() { current_ = nullptr; }

  // Adds rows to the current page. Once it is complete, the page on its grid
  // (ServedModel::fit_page, whose errors it passes on), else null.
  absl::StatusOr<std::shared_ptr<const PageImage>> AddStrip(const v1::PageStrip& strip);

  // The client sends nothing more: every page offered must be complete.
  absl::Status Finish() const;

  // The current page, which has no more pixels than came. There is one.
  const PageImage& current() const { return *current_; }
  const PageGrid& current_grid() const { return current_grid_; }
  // Some page came from another profile than the model's.
  bool profile_mismatch() const { return profile_mismatch_; }

 private:
  struct Part {
    bool takes_pages = false;
    int64_t max_pages = 0;
    int64_t max_visual_tokens = 0;
    int64_t num_pages = 0;
    int64_t visual_tokens = 0;
  };

  absl::Status CheckPlace(const v1::PageOffer& offer) const;
  absl::Status CheckProfile(const v1::PageHeader& page);
  absl::Status TakeGrid(const v1::PageOffer& offer, PageOrigin origin);
  absl::Status CheckStrip(const v1::PageStrip& strip) const;
  size_t row_bytes() const;  // of current_

  const ServedModel& model_;
  const bool allow_profile_mismatch_;
  const int64_t max_page_tokens_;
  std::vector<Part> parts_;
  size_t last_part_ = 0;
  int32_t num_offered_ = 0;
  bool profile_mismatch_ = false;
  std::unique_ptr<PageImage> current_;  // offered and not complete; null between pages
  PageGrid current_grid_;
};

}  // namespace glyph::vlm
