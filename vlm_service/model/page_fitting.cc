#include "vlm_service/model/page_fitting.h"

#include <exception>

#include "ATen/core/Tensor.h"
#include "ATen/ops/_upsample_bicubic2d_aa.h"
#include "ATen/ops/from_blob.h"
#include "c10/core/InferenceMode.h"
#include "proto/base/logging.h"
#include "proto/rpc/error.h"
#include "vlm_service/model/exception_cause.h"

namespace glyph::vlm {
namespace {

// [1, channels, height, width] of the values where they are: with colours side by side ATen is
// several times as fast as with planes, and copies nothing.
at::Tensor ViewOf(uint8_t* pixels, int32_t height, int32_t width, int32_t channels) {
  if (channels == 1) return at::from_blob(pixels, {1, 1, height, width}, at::kByte);
  return at::from_blob(pixels, {1, height, width, channels}, at::kByte).permute({0, 3, 1, 2});
}

}  // namespace

PageImage ResizedPage(const PageImage& page, const PageGrid& grid, int32_t token_px) {
  TORCH_CHECK(page.origin == PageOrigin::kUploaded, "a rendered page differs from its grid");
  const c10::InferenceMode no_autograd;
  PageImage resized;
  resized.origin = page.origin;
  resized.width = grid.cols * token_px;
  resized.height = grid.rows * token_px;
  resized.channels = page.channels;
  resized.key = page.key;
  resized.pixels.resize(static_cast<size_t>(resized.height) * static_cast<size_t>(resized.width) *
                        static_cast<size_t>(resized.channels));
  at::Tensor to = ViewOf(resized.pixels.data(), resized.height, resized.width, resized.channels);
  // Nothing writes to it; from_blob has no const form.
  const at::Tensor from =
      ViewOf(const_cast<uint8_t*>(page.pixels.data()), page.height, page.width, page.channels);
  at::_upsample_bicubic2d_aa_out(to, from, {resized.height, resized.width},
                                 /*align_corners=*/false);
  return resized;
}

absl::StatusOr<PageImage> FitPage(PageImage page, const PageGrid& grid, int32_t token_px) {
  if (page.height == grid.rows * token_px && page.width == grid.cols * token_px) return page;
  try {
    return ResizedPage(page, grid, token_px);
  } catch (const std::exception& error) {
    base::LogError("page_not_resized", {{"cause", CauseOf(error)}});
    if (IsOutOfMemory(error)) {
      return rpc::ResourceExhausted("OUT_OF_MEMORY", absl::Seconds(1),
                                    "memory ran out while a page was resized; retry later");
    }
    return rpc::MakeError(absl::StatusCode::kInternal,
                          {.reason = "PAGE_NOT_RESIZED", .field = "", .retry_after = {}},
                          "the page could not be resized; this is a fault of the server");
  }
}

}  // namespace glyph::vlm
