#include "render_service/layout/upstream_window.h"

#include <algorithm>

#include "render_service/text/decode.h"

namespace glyph::render {
namespace {

constexpr char32_t kNoBreakSpace = 0xA0;

// Characters that upstream takes out of the text.
bool IsTakenOut(char32_t code_point) { return code_point == 0xAD || code_point == 0x200B; }

bool IsMissing(const ShapedText& shaped, const ShapedCluster& cluster) {
  const auto glyphs = shaped.glyphs.begin();
  return std::any_of(glyphs + cluster.first_glyph, glyphs + cluster.end_glyph,
                     [](const ShapedGlyph& glyph) { return glyph.is_box; });
}

}  // namespace

void UpstreamWindow::Clear(std::string_view source, size_t size, const UpstreamAdvances& advances) {
  source_ = source;
  advances_ = advances;
  is_in_gap_ = false;
  kinds_.clear();
  offsets_.clear();
  pens_.assign(1, 0);
  kinds_.reserve(size);
  offsets_.reserve(size);
  pens_.reserve(size + 1);
}

void UpstreamWindow::Add(UpstreamKind kind, uint32_t offset, uint32_t advance) {
  if (kind != UpstreamKind::kNothing) is_in_gap_ = kind == UpstreamKind::kSpace;
  kinds_.push_back(kind);
  offsets_.push_back(offset);
  pens_.push_back(pens_.back() + advance);
}

void UpstreamWindow::AddSpace(uint32_t offset, bool is_inserted) {
  const UpstreamKind kind = KindOfSpace(offset, is_inserted);
  Add(kind, offset, kind == UpstreamKind::kNothing ? 0 : advances_.space);
}

UpstreamKind UpstreamWindow::KindOfSpace(uint32_t offset, bool is_inserted) const {
  if (is_inserted) return UpstreamKind::kNothing;  // the rest of a tab
  const char c = source_[offset];
  if (c == ' ') {
    const bool follows = offset > 0 && source_[offset - 1] == ' ';
    const bool goes_on = offset + 1 < source_.size() && source_[offset + 1] == ' ';
    if (follows || goes_on) return UpstreamKind::kHardSpace;
  } else if (c != '\t' && DecodeAt(source_, offset).code_point == kNoBreakSpace) {
    return UpstreamKind::kHardSpace;
  }
  return is_in_gap_ ? UpstreamKind::kNothing : UpstreamKind::kSpace;
}

void UpstreamWindow::Fill(std::string_view source, const PlainWindow& plain,
                          const UpstreamAdvances& advances) {
  Clear(source, plain.size(), advances);
  const auto pens = plain.pens();
  for (size_t i = 0; i < plain.size(); ++i) {
    const uint32_t offset = plain.source(i);
    if (plain.glyph(i) != 0) {
      Add(UpstreamKind::kText, offset, pens[i + 1] - pens[i]);
    } else {
      AddSpace(offset, offset == plain.source(i + 1));
    }
  }
}

void UpstreamWindow::Fill(std::string_view source, const DisplayText& text,
                          const ShapedText& shaped, const UpstreamAdvances& advances) {
  Clear(source, shaped.clusters.size(), advances);
  for (const ShapedCluster& cluster : shaped.clusters) {
    const DisplayCharacter& first = text.characters[cluster.first_character];
    if (cluster.is_white) {
      AddSpace(first.source_begin, first.source_begin == first.source_end);
    } else if (first.is_box && IsTakenOut(first.code_point)) {
      Add(UpstreamKind::kNothing, first.source_begin, 0);
    } else if (IsMissing(shaped, cluster)) {
      const uint32_t num_characters = cluster.end_character - cluster.first_character;
      Add(UpstreamKind::kMissing, first.source_begin, num_characters * advances.missing);
    } else {
      Add(UpstreamKind::kText, first.source_begin, static_cast<uint32_t>(cluster.advance));
    }
  }
}

char32_t UpstreamWindow::CharacterAt(size_t i) const {
  return DecodeAt(source_, offsets_[i]).code_point;
}

}  // namespace glyph::render
