#pragma once
#include "absl/status/statusor.h"
#include "vlm_service/prompt/page_image.h"

namespace glyph::vlm {

// The page on its grid, a token `token_px` px wide and high: antialiased bicubic on bytes,
// bit-equal to Hugging Face's Glm4vImageProcessor (its default, torchvision). For uploads of
// another size. Throws torch's exceptions.
PageImage ResizedPage(const PageImage& page, const PageGrid& grid, int32_t token_px);

// The same for those who may not throw; a page that has its grid's size stays as it is. Works on
// the calling thread. RESOURCE_EXHAUSTED OUT_OF_MEMORY; INTERNAL for anything else that failed, a
// rendered page of another size too.
absl::StatusOr<PageImage> FitPage(PageImage page, const PageGrid& grid, int32_t token_px);

}  // namespace glyph::vlm
