#pragma once
#include <string>

#include "absl/status/statusor.h"
#include "vlm_service/prompt/page_image.h"

namespace glyph::vlm {

// Decodes a PNG file to an uploaded page of RGB pixels, as PIL's Image.open(file).convert("RGB"):
// palettes looked up, gray replicated, alpha and colour profiles ignored. NOT_FOUND: no such file.
// INVALID_ARGUMENT: not a PNG, damaged, 16-bit gray, or a side above kMaxPageSidePx.
absl::StatusOr<PageImage> ReadPng(const std::string& file);

}  // namespace glyph::vlm
