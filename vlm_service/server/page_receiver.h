#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "glyph/v1/vlm.pb.h"
#include "vlm_service/prompt/page_image.h"
#include "vlm_service/prompt/prompt_builder.h"
#include "vlm_service/server/served_model.h"

namespace glyph::vlm {

// A whole page.
struct ReceivedPage {
  std::shared_ptr<const PageImage> image;
  PageGrid grid;
};

// Puts the pages of one call together and keeps it to the order and the limits of vlm.proto: an
// offer, then strips that cover the page exactly, then the next offer.
// Errors are INVALID_ARGUMENT and name the field; FAILED_PRECONDITION PROFILE_MISMATCH for pages of
// another profile than the model's. After an error the call is over.
// Not thread-safe. `start` was validated; `model` outlives the receiver.
class PageReceiver {
 public:
  PageReceiver(const v1::GenerateStart& start, const ServedModel& model);

  // Begins a page.
  absl::Status Offer(const v1::PageOffer& offer);

  // Adds rows to the page offered last. The page once it is complete, else an empty image.
  absl::StatusOr<ReceivedPage> AddStrip(const v1::PageStrip& strip);

  // The client sends nothing more: every page offered must be complete.
  absl::Status Finish() const;

  // The prompt's parts with the pages offered so far.
  std::vector<PromptPiece> pieces() const;

  int32_t num_offered() const { return num_offered_; }
  // Some page came from another profile than the model's.
  bool profile_mismatch() const { return profile_mismatch_; }

 private:
  struct Part {
    PromptPiece piece;
    bool takes_pages = false;
    int64_t max_pages = 0;
    int64_t max_visual_tokens = 0;
    int64_t visual_tokens = 0;
  };

  absl::Status CheckPlace(const v1::PageOffer& offer) const;
  absl::Status CheckProfile(const v1::PageHeader& page);
  absl::Status TakeGrid(const v1::PageOffer& offer, PageOrigin origin);
  absl::Status CheckStrip(const v1::PageStrip& strip) const;
  size_t row_bytes() const;  // of current_

  const ServedModel& model_;
  const bool allow_profile_mismatch_;
  std::vector<Part> parts_;
  size_t last_part_ = 0;
  int32_t num_offered_ = 0;
  bool profile_mismatch_ = false;
  std::unique_ptr<PageImage> current_;  // offered and not complete; null between pages
  PageGrid current_grid_;
};

}  // namespace glyph::vlm
