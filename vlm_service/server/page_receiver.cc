#include "vlm_service/server/page_receiver.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"
#include "vlm_service/prompt/page_grid.h"
#include "vlm_service/server/page_header.h"

namespace glyph::vlm {
namespace {

constexpr size_t kMaxStripBytes = 1 << 20;

absl::Status PageOutOfOrder(const char* field, const std::string& message) {
  return rpc::InvalidArgument("PAGE_OUT_OF_ORDER", field, message);
}

absl::Status BadStrip(const char* field, const std::string& message) {
  return rpc::InvalidArgument("STRIP_INVALID", field, message);
}

}  // namespace

PageReceiver::PageReceiver(const v1::GenerateStart& start, const ServedModel& model,
                           int64_t max_page_tokens)
    : model_(model),
      allow_profile_mismatch_(start.allow_profile_mismatch()),
      max_page_tokens_(max_page_tokens) {
  for (const v1::PromptPart& source : start.parts()) {
    Part& part = parts_.emplace_back();
    part.takes_pages = source.has_pages();
    part.max_pages = source.pages().max_pages();
    part.max_visual_tokens = static_cast<int64_t>(source.pages().max_visual_tokens());
  }
}

absl::Status PageReceiver::Offer(const v1::PageOffer& offer) {
  GLYPH_RETURN_IF_ERROR(CheckPlace(offer));
  GLYPH_ASSIGN_OR_RETURN(auto image, ReadPageHeader(offer.page()));
  GLYPH_RETURN_IF_ERROR(CheckProfile(offer.page()));
  GLYPH_RETURN_IF_ERROR(TakeGrid(offer, image->origin));
  current_ = std::move(image);
  last_part_ = offer.part_index();
  ++num_offered_;
  return absl::OkStatus();
}

absl::Status PageReceiver::CheckPlace(const v1::PageOffer& offer) const {
  if (current_ != nullptr) {
    return PageOutOfOrder("offer", absl::StrCat("page ", num_offered_ - 1,
                                                " is not complete; send its strips first"));
  }
  if (offer.part_index() >= parts_.size() || !parts_[offer.part_index()].takes_pages) {
    return rpc::InvalidArgument(
        "PART_INDEX_INVALID", "offer.part_index",
        absl::StrCat("part ", offer.part_index(), " of the prompt is no page group"));
  }
  if (offer.part_index() < last_part_) {
    return PageOutOfOrder("offer.part_index",
                          absl::StrCat("part ", offer.part_index(), " after part ", last_part_,
                                       "; pages come in the order of their parts"));
  }
  if (offer.page().page_index() != static_cast<uint32_t>(num_offered_)) {
    return PageOutOfOrder("offer.page.page_index",
                          absl::StrCat("page_index is ", offer.page().page_index(),
                                       "; the next page is ", num_offered_));
  }
  return absl::OkStatus();
}

absl::Status PageReceiver::CheckProfile(const v1::PageHeader& page) {
  if (model_.profile_fingerprint.empty() || page.profile_fingerprint().empty() ||
      page.profile_fingerprint() == model_.profile_fingerprint) {
    return absl::OkStatus();
  }
  profile_mismatch_ = true;
  if (allow_profile_mismatch_) return absl::OkStatus();
  return rpc::MakeError(
      absl::StatusCode::kFailedPrecondition,
      {.reason = "PROFILE_MISMATCH", .field = "offer.page.profile_fingerprint", .retry_after = {}},
      "the page was drawn under another render profile than the model reads; "
      "render with the profile of GetModel, or set allow_profile_mismatch");
}

absl::Status PageReceiver::TakeGrid(const v1::PageOffer& offer, PageOrigin origin) {
  const v1::PageHeader& page = offer.page();
  const auto grid = PageGridOf(origin, static_cast<int32_t>(page.width_px()),
                               static_cast<int32_t>(page.height_px()), model_.pages);
  if (!grid.ok()) {
    return rpc::InvalidArgument(
        "PAGE_SIZE_UNSUPPORTED", "offer.page.width_px",
        std::string_view(grid.status().message().data(), grid.status().message().size()));
  }
  Part& part = parts_[offer.part_index()];
  if (part.num_pages == part.max_pages) {
    return rpc::InvalidArgument("PAGES_ABOVE_BOUND", "offer.part_index",
                                absl::StrCat("part ", offer.part_index(), " announced ",
                                             part.max_pages, " pages; this is one more"));
  }
  part.visual_tokens += grid->num_tokens();
  if (part.visual_tokens > part.max_visual_tokens) {
    return rpc::InvalidArgument(
        "VISUAL_TOKENS_ABOVE_BOUND", "offer.page",
        absl::StrCat("the pages of part ", offer.part_index(), " have ", part.visual_tokens,
                     " image tokens; announced were ", part.max_visual_tokens));
  }
  if (grid->num_tokens() > max_page_tokens_) {
    return rpc::MakeError(
        absl::StatusCode::kResourceExhausted,
        {.reason = "VISION_CAPACITY", .field = "offer.page", .retry_after = {}},
        absl::StrCat("the page needs ", grid->num_tokens(), " image tokens; this server takes ",
                     max_page_tokens_, " of a page (--max-page-tokens); send smaller pages"));
  }
  ++part.num_pages;
  current_grid_ = *grid;
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const PageImage>> PageReceiver::AddStrip(
    const v1::PageStrip& strip) {
  if (current_ == nullptr) {
    return PageOutOfOrder("strip", "a strip without an offered page; offer the page first");
  }
  GLYPH_RETURN_IF_ERROR(CheckStrip(strip));
  const size_t page_bytes = static_cast<size_t>(current_->height) * row_bytes();
  if (current_->pixels.empty()) current_->pixels.reserve(page_bytes);
  current_->pixels.insert(current_->pixels.end(), strip.pixels().begin(), strip.pixels().end());
  if (current_->pixels.size() < page_bytes) return nullptr;
  const std::unique_ptr<PageImage> complete = std::move(current_);
  GLYPH_ASSIGN_OR_RETURN(PageImage fitted, model_.fit_page(std::move(*complete), current_grid_));
  return std::make_shared<const PageImage>(std::move(fitted));
}

size_t PageReceiver::row_bytes() const {
  return static_cast<size_t>(current_->width) * static_cast<size_t>(current_->channels);
}

absl::Status PageReceiver::CheckStrip(const v1::PageStrip& strip) const {
  const size_t next_row = current_->pixels.size() / row_bytes();
  const size_t bytes = strip.pixels().size();
  // Rendered pages come in whole bands of the model's grid.
  const auto band_rows =
      static_cast<size_t>(current_->origin == PageOrigin::kRendered ? model_.pages.token_px() : 1);
  if (strip.page_index() != static_cast<uint32_t>(num_offered_ - 1)) {
    return PageOutOfOrder("strip.page_index",
                          absl::StrCat("page_index is ", strip.page_index(),
                                       "; the page offered last is ", num_offered_ - 1));
  }
  if (strip.first_row() != next_row) {
    return BadStrip("strip.first_row", absl::StrCat("first_row is ", strip.first_row(),
                                                    "; the next row is ", next_row));
  }
  if (bytes == 0 || bytes > kMaxStripBytes || bytes % (band_rows * row_bytes()) != 0) {
    return BadStrip("strip.pixels",
                    absl::StrCat("the strip has ", bytes, " bytes; it must have a multiple of ",
                                 band_rows * row_bytes(), ", at most ", kMaxStripBytes));
  }
  const size_t rows_left = static_cast<size_t>(current_->height) - next_row;
  if (bytes / row_bytes() > rows_left) {
    return BadStrip("strip.pixels", absl::StrCat("the strip has ", bytes / row_bytes(),
                                                 " rows; the page lacks ", rows_left));
  }
  return absl::OkStatus();
}

absl::Status PageReceiver::Finish() const {
  if (current_ == nullptr) return absl::OkStatus();
  return PageOutOfOrder("strip", absl::StrCat("the call was half-closed before page ",
                                              num_offered_ - 1, " was complete"));
}

}  // namespace glyph::vlm
