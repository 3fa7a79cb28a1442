#include "render_service/layout/upstream_window.h"

#include <algorithm>

#include "render_service/text/decode.h"

namespace glyph::render {
namespace {

constexpr char32_t kNoBreakSpace = 0xA0;

// Characters that upstream takes out of the text.
bool IsTakenOut(char32_t code_point) { return code_point == 0xAD || code_point == 0x200B; }

// Controls that are white space to upstream.
bool IsControlSpace(char32_t code_point) {
  return (code_point >= 0x09 && code_point <= 0x0D) || (code_point >= 0x1C && code_point <= 0x1F) ||
         code_point == 0x85;
}

bool IsHardSpace(std::string_view source, uint32_t offset) {
  const char c = source[offset];
  if (c == '\t' || c == '\n') return false;
  if (c != ' ') return DecodeAt(source, offset).code_point == kNoBreakSpace;
  const bool follows = offset > 0 && source[offset - 1] == ' ';
  const bool goes_on = offset + 1 < source.size() && source[offset + 1] == ' ';
  return follows || goes_on;
}

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

void UpstreamWindow::AddText(bool is_mark, uint32_t offset, uint32_t advance) {
  Add(is_mark ? UpstreamKind::kMark : UpstreamKind::kText, is_mark ? offset - 1 : offset, advance);
}

void UpstreamWindow::AddSpace(uint32_t offset, bool is_inserted) {
  const UpstreamKind kind = KindOfSpace(offset, is_inserted);
  Add(kind, is_inserted ? offset - 1 : offset,
      kind == UpstreamKind::kNothing ? 0 : advances_.space);
}

UpstreamKind UpstreamWindow::KindOfSpace(uint32_t offset, bool is_inserted) const {
  if (!is_inserted && IsHardSpace(source_, offset)) return UpstreamKind::kHardSpace;
  if (!is_inserted && advances_.marks_stand_apart && source_[offset] == '\n') {
    return UpstreamKind::kSpace;
  }
  return is_in_gap_ ? UpstreamKind::kNothing : UpstreamKind::kSpace;
}

void UpstreamWindow::Fill(std::string_view source, const PlainWindow& plain,
                          const UpstreamAdvances& advances) {
  Clear(source, plain.size(), advances);
  const auto pens = plain.pens();
  for (size_t i = 0; i < plain.size(); ++i) {
    const uint32_t offset = plain.source(i);
    const bool is_inserted = offset == plain.source(i + 1);
    if (plain.glyph(i) == 0) {
      AddSpace(offset, is_inserted);
    } else {
      AddText(is_inserted, offset, pens[i + 1] - pens[i]);
    }
  }
}

void UpstreamWindow::Fill(std::string_view source, const DisplayText& text,
                          const ShapedText& shaped, const UpstreamAdvances& advances) {
  Clear(source, shaped.clusters.size(), advances);
  for (const ShapedCluster& cluster : shaped.clusters) {
    const DisplayCharacter& first = text.characters[cluster.first_character];
    const bool is_inserted = first.source_begin == first.source_end;
    if (cluster.is_white || (first.is_box && IsControlSpace(first.code_point))) {
      AddSpace(first.source_begin, is_inserted);
    } else if (first.is_box && IsTakenOut(first.code_point)) {
      Add(UpstreamKind::kNothing, first.source_begin, 0);
    } else if (IsMissing(shaped, cluster)) {
      const uint32_t num_characters = cluster.end_character - cluster.first_character;
      Add(UpstreamKind::kMissing, first.source_begin, num_characters * advances.missing);
    } else {
      const bool is_mark = is_inserted && first.code_point < 0x80;  // not a dotted circle
      AddText(is_mark, first.source_begin, static_cast<uint32_t>(cluster.advance));
    }
  }
}

size_t UpstreamWindow::PartOf(size_t i) const {
  size_t part = 0;
  while (part < i && offsets_[i - part - 1] == offsets_[i]) ++part;
  return part;
}

char32_t UpstreamWindow::CharacterAt(size_t i) const {
  switch (kinds_[i]) {
    case UpstreamKind::kSpace:
    case UpstreamKind::kHardSpace:
      return ' ';
    case UpstreamKind::kMark:
      return 'n';
    default:
      return DecodeAt(source_, offsets_[i]).code_point;
  }
}

}  // namespace glyph::render
