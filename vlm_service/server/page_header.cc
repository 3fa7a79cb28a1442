#include "vlm_service/server/page_header.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"
#include "vlm_service/prompt/page_grid.h"

namespace glyph::vlm {
namespace {

constexpr size_t kDigestBytes = 32;
constexpr int64_t kMaxPixels = 16777216;

using Violations = std::vector<rpc::FieldViolation>;

void CheckSize(const v1::PageHeader& header, Violations& violations) {
  const auto check_side = [&](const char* field, uint32_t side) {
    if (side >= 1 && side <= static_cast<uint32_t>(kMaxPageSidePx)) return;
    violations.push_back(
        {absl::StrCat("offer.page.", field), "PAGE_SIZE_OUT_OF_RANGE",
         absl::StrCat(field, " is ", side, "; it must lie in [1, ", kMaxPageSidePx, "]")});
  };
  check_side("width_px", header.width_px());
  check_side("height_px", header.height_px());
  if (!violations.empty()) return;
  const int64_t pixels = int64_t{header.width_px()} * header.height_px();
  if (pixels > kMaxPixels) {
    violations.push_back({"offer.page.height_px", "PAGE_SIZE_OUT_OF_RANGE",
                          absl::StrCat("the page has ", pixels, " pixels; at most ", kMaxPixels)});
  }
}

void CheckFormat(const v1::PageHeader& header, Violations& violations) {
  const bool rendered = header.origin() == v1::PAGE_ORIGIN_RENDERED;
  if (!rendered && header.origin() != v1::PAGE_ORIGIN_UPLOADED) {
    violations.push_back({"offer.page.origin", "PAGE_ORIGIN_UNKNOWN",
                          absl::StrCat("origin is ", static_cast<int>(header.origin()),
                                       "; it must be rendered or uploaded")});
  }
  const bool gray = header.format() == v1::PIXEL_FORMAT_GRAY8;
  if (!gray && (rendered || header.format() != v1::PIXEL_FORMAT_RGB8)) {
    violations.push_back({"offer.page.format", "PIXEL_FORMAT_UNSUPPORTED",
                          absl::StrCat("format is ", static_cast<int>(header.format()),
                                       "; rendered pages are gray8, uploads gray8 or rgb8")});
  }
  const size_t fingerprint = header.profile_fingerprint().size();
  if (fingerprint != kDigestBytes && (rendered || fingerprint != 0)) {
    violations.push_back(
        {"offer.page.profile_fingerprint", "FINGERPRINT_LENGTH_INVALID",
         absl::StrCat("profile_fingerprint has ", fingerprint, " bytes; it must have ",
                      kDigestBytes, ", or none for an upload")});
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<PageImage>> ReadPageHeader(const v1::PageHeader& header) {
  Violations violations;
  CheckSize(header, violations);
  CheckFormat(header, violations);
  if (header.page_key().size() != kDigestBytes) {
    violations.push_back({"offer.page.page_key", "PAGE_KEY_LENGTH_INVALID",
                          absl::StrCat("page_key has ", header.page_key().size(),
                                       " bytes; it must have ", kDigestBytes)});
  }
  if (!violations.empty()) return rpc::InvalidArgument(std::move(violations));
  auto image = std::make_unique<PageImage>();
  image->origin =
      header.origin() == v1::PAGE_ORIGIN_RENDERED ? PageOrigin::kRendered : PageOrigin::kUploaded;
  image->width = static_cast<int32_t>(header.width_px());
  image->height = static_cast<int32_t>(header.height_px());
  image->channels = header.format() == v1::PIXEL_FORMAT_GRAY8 ? 1 : 3;
  std::copy(header.page_key().begin(), header.page_key().end(), image->key.begin());
  return image;
}

}  // namespace glyph::vlm
