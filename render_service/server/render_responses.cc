#include "render_service/server/render_responses.h"

#include <algorithm>
#include <string>
#include <utility>

#include "render_service/layout/render_profile.h"

namespace glyph::render {
namespace {

// Pixels of one strip, which leaves room for the message around them below 1 MiB.
constexpr size_t kMaxStripBytes = (1 << 20) - 1024;
constexpr int kMaxBoxesInMessage = 8192;

using Responses = std::vector<v1::RenderResponse>;

void SetDigest(const std::optional<base::Sha256Digest>& digest, std::string* out) {
  if (digest) *out = base::ToBytes(*digest);
}

void AddHeader(const RenderedPage& page, Responses& out) {
  v1::PageHeader& header = *out.emplace_back().mutable_page();
  header.set_page_index(page.index);
  header.set_page_key(base::ToBytes(page.key));
  header.set_format(page.channels == 1 ? v1::PIXEL_FORMAT_GRAY8 : v1::PIXEL_FORMAT_RGB8);
  header.set_width_px(static_cast<uint32_t>(page.width_px));
  header.set_height_px(static_cast<uint32_t>(page.height_px));
  header.set_origin(page.is_on_grid ? v1::PAGE_ORIGIN_RENDERED : v1::PAGE_ORIGIN_UPLOADED);
  SetDigest(page.profile_fingerprint, header.mutable_profile_fingerprint());
}

size_t RowBytes(const RenderedPage& page) {
  return static_cast<size_t>(page.width_px) * static_cast<size_t>(page.channels);
}

// Of a strip. Pages on the grid go in whole bands of 28 rows, others in whole rows.
size_t StripRows(const RenderedPage& page) {
  const size_t unit = page.is_on_grid ? kGridPx : 1;
  return std::max<size_t>(kMaxStripBytes / (RowBytes(page) * unit), 1) * unit;
}

void AddStrips(const RenderedPage& page, Responses& out) {
  for (size_t row = 0; row < static_cast<size_t>(page.height_px); row += StripRows(page)) {
    v1::PageStrip& strip = *out.emplace_back().mutable_strip();
    strip.set_page_index(page.index);
    strip.set_first_row(static_cast<uint32_t>(row));
  }
}

void AddSourceMap(const RenderedPage& page, Responses& out) {
  v1::SourceMap* map = nullptr;
  for (const PlacedLine& line : page.lines) {
    if (map == nullptr || map->boxes_size() == kMaxBoxesInMessage) {
      map = out.emplace_back().mutable_source_map();
      map->set_page_index(page.index);
    }
    v1::SourceBox& box = *map->add_boxes();
    box.set_source_begin(line.source_begin);
    box.set_source_end(line.source_end);
    box.set_x_px(static_cast<uint32_t>(line.x));
    box.set_y_px(static_cast<uint32_t>(line.y));
    box.set_width_px(static_cast<uint32_t>(line.width));
    box.set_height_px(static_cast<uint32_t>(line.height));
  }
}

void AddPlan(const RenderPlan& plan, const base::Sha256Digest& build_fingerprint, Responses& out) {
  v1::RenderPlan& message = *out.emplace_back().mutable_plan();
  message.set_max_pages(plan.max_pages);
  message.set_max_visual_tokens(plan.max_visual_tokens);
  message.set_characters(plan.characters);
  SetDigest(plan.profile_fingerprint, message.mutable_profile_fingerprint());
  SetDigest(build_fingerprint, message.mutable_build_fingerprint());
  message.set_exact(plan.is_exact);
}

void AddDone(const RenderSummary& summary, absl::Duration busy, Responses& out) {
  v1::RenderDone& done = *out.emplace_back().mutable_done();
  done.set_pages(summary.pages);
  done.set_characters(summary.characters);
  done.set_render_ms(absl::ToDoubleMilliseconds(busy));
  v1::RenderDiagnostics& diagnostics = *done.mutable_diagnostics();
  diagnostics.set_replaced_bytes(summary.replaced_bytes);
  diagnostics.set_missing_glyphs(summary.oddities.missing_glyphs);
  diagnostics.set_control_characters(summary.oddities.control_characters);
  diagnostics.set_capped_marks(summary.oddities.capped_marks);
  diagnostics.set_blank_pages(summary.blank_pages);
  diagnostics.set_empty(summary.is_empty);
}

}  // namespace

std::vector<v1::RenderResponse> ToResponses(const RenderEvent& event,
                                            const base::Sha256Digest& build_fingerprint,
                                            absl::Duration busy) {
  Responses out;
  if (const auto* plan = std::get_if<RenderPlan>(&event)) AddPlan(*plan, build_fingerprint, out);
  if (const auto* page = std::get_if<RenderedPage>(&event)) {
    AddHeader(*page, out);
    AddStrips(*page, out);
    AddSourceMap(*page, out);
  }
  if (const auto* summary = std::get_if<RenderSummary>(&event)) AddDone(*summary, busy, out);
  return out;
}

void FillPixels(const RenderedPage& page, v1::PageStrip& strip) {
  const size_t row = strip.first_row();
  const size_t rows = std::min(StripRows(page), static_cast<size_t>(page.height_px) - row);
  strip.set_pixels(page.pixels.data() + row * RowBytes(page), rows * RowBytes(page));
}

}  // namespace glyph::render
