#pragma once
#include <string>

#include "gateway/png/gray_png_encoder.h"
#include "glyph/v1/render.pb.h"

namespace glyph::gateway {

// The events of a render as lines of JSON: one `render.plan`, one `render.page` with its PNG in a
// data URL for each page, one `render.done`. Holds one page. Not thread-safe.
class PageLines {
 public:
  // The lines that `event` completes; events come in the renderer's order.
  std::string Add(const v1::RenderResponse& event);

 private:
  // The line of the page begun last; empty before the first.
  std::string TakePage();

  png::GrayPngEncoder encoder_;
  v1::PageHeader page_;
  std::string pixels_;  // of it; empty: no page has begun
};

}  // namespace glyph::gateway
