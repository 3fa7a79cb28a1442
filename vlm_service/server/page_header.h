#pragma once
#include <memory>

#include "absl/status/statusor.h"
#include "glyph/v1/page.pb.h"
#include "vlm_service/prompt/page_image.h"

namespace glyph::vlm {

// A page without its pixels from its header, whose own limits (page.proto) are checked: key,
// format, size, origin, fingerprint. INVALID_ARGUMENT names all wrong fields, below "offer.page.".
absl::StatusOr<std::unique_ptr<PageImage>> ReadPageHeader(const v1::PageHeader& header);

}  // namespace glyph::vlm
