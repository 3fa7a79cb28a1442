#include "render_service/layout/document_layout.h"

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"
#include "render_service/layout/line_breaker.h"
#include "render_service/layout/plain_line.h"

namespace glyph::render {

DocumentLayout::DocumentLayout(const SourceText& source, const RenderProfile& profile,
                               uint32_t max_pages)
    : source_(source),
      profile_(profile),
      max_pages_(max_pages),
      paginator_(profile_),
      hard_line_{source.content_begin(), source.content_begin(), source.content_begin()},
      position_(source.content_begin()) {}

absl::StatusOr<bool> DocumentLayout::Advance(TextShaper& shaper, GlyphTable* glyphs,
                                             size_t num_characters) {
  size_t done = 0;
  while (done < num_characters) {
    if (position_ < hard_line_.end) {
      done += LayOutWindow(shaper, glyphs);
    } else if (hard_line_.next < source_.bytes().size()) {
      hard_line_ = ReadHardLine(source_.bytes(), hard_line_.next);
      position_ = hard_line_.begin;
      if (hard_line_.begin == hard_line_.end) paginator_.AddBlankLine();
      ++done;
    } else {
      paginator_.Finish();
      return true;
    }
    if (paginator_.num_pages() > max_pages_) {
      return rpc::InvalidArgument(
          "TOO_MANY_PAGES", "document.text",
          absl::StrCat("document.text needs more than the limit of ", max_pages_,
                       " pages; raise render.max_pages (at most 256) or split the document"));
    }
  }
  return false;
}

size_t DocumentLayout::LayOutWindow(TextShaper& shaper, GlyphTable* glyphs) {
  if (glyphs != nullptr &&
      plain_.Fill(source_.bytes(), position_, hard_line_.end, kWindowCharacters, *glyphs)) {
    return LayOutPlain(glyphs->break_rules());
  }
  return LayOutShaped(shaper);
}

size_t DocumentLayout::LayOutShaped(TextShaper& shaper) {
  const size_t window_end =
      FillDisplayText(source_.bytes(), position_, hard_line_.end, kWindowCharacters, display_);
  shaper.Shape(display_, shaped_);
  const std::span<const ShapedCluster> clusters = shaped_.clusters;
  const bool paragraph_ends = window_end == hard_line_.end;
  position_ = window_end;
  for (size_t begin = 0; begin < clusters.size();) {
    // A window without any line end, of zero-width or hanging characters, is taken as a line.
    const auto span = BreakLine(clusters, begin, profile_.text_width_px(), profile_.wrap,
                                paragraph_ends || begin == 0);
    if (!span) {
      position_ = display_.characters[clusters[begin].first_character].source_begin;
      break;
    }
    BuildVisualLine(display_, shaped_, *span, line_, oddities_);
    AddLine();
    begin = span->next;
  }
  return display_.characters.size();
}

size_t DocumentLayout::LayOutPlain(const BreakRules& rules) {
  const bool paragraph_ends = plain_.source(plain_.size()) == hard_line_.end;
  position_ = plain_.source(plain_.size());
  for (size_t begin = 0; begin < plain_.size();) {
    const auto span = BreakPlainLine(plain_, rules, begin, profile_.text_width_px(), profile_.wrap,
                                     paragraph_ends || begin == 0);
    if (!span) {
      position_ = plain_.source(begin);
      break;
    }
    BuildPlainLine(plain_, *span, line_);
    AddLine();
    begin = span->next;
  }
  return plain_.size();
}

void DocumentLayout::AddLine() {
  if (line_.is_blank) {
    paginator_.AddBlankLine();
  } else {
    paginator_.AddLine(line_);
  }
}

}  // namespace glyph::render
