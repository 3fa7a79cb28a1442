#include "render_service/layout/upstream_line.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "render_service/layout/plain_line.h"

namespace glyph::render {
namespace {

// Of its width, what a space may give.
constexpr double kShrinkage = 0.05;
constexpr char32_t kFirstWide = 0x3000;

// reportlab.lib.textsplit.ALL_CANNOT_START
constexpr std::u32string_view kCannotStart =
    U"!',.:;?!\")]\u3001\u3002\u300d\u300f\u3011\u3015\uff3d\u3011\uff09"
    U"\u3005\u2015\u3041\u3043\u3045\u3047\u3049\u3063\u3083\u3085\u3087\u308e\u30a1\u30a3"
    U"\u30a5\u30a7\u30a9\u30c3\u30e3\u30e5\u30e7\u30ee\u30fc\u30f5\u30f6"
    U"\u309b\u309c\u30fb\u30fd\u30fe\u309d\u309e\u2015\u2010\u00b0\u2032\u2033\u2103\uffe0\uff05"
    U"\u2030";

bool IsSpace(UpstreamKind kind) {
  return kind == UpstreamKind::kSpace || kind == UpstreamKind::kHardSpace;
}

// Whether a line may end at it.
bool IsGap(UpstreamKind kind) {
  return kind == UpstreamKind::kSpace || kind == UpstreamKind::kNothing;
}

// `span` with the spaces as narrow as it takes to end at `width`.
UpstreamLine Squeeze(const UpstreamWindow& window, const LineSpan& span, double width,
                     size_t num_spaces) {
  const double excess = window.pens()[span.end] - window.pens()[span.begin] - width;
  if (excess <= 0 || num_spaces == 0) return {span, 0};
  return {span, excess / static_cast<double>(num_spaces)};
}

// The first cluster of a word at or after `i`: what is taken out of a word does not begin one.
size_t WordBegin(const UpstreamWindow& window, size_t i) {
  while (i < window.size() && IsGap(window.kinds()[i])) ++i;
  return i;
}

// Behind the word that begins at `i`.
size_t WordEnd(const UpstreamWindow& window, size_t i) {
  const auto kinds = window.kinds();
  while (i < kinds.size() && kinds[i] != UpstreamKind::kSpace) ++i;
  return i;
}

// The first cluster from `begin` on that ends right of `limit`.
size_t FirstBeyond(const UpstreamWindow& window, size_t begin, double limit) {
  const auto pens = window.pens();
  const auto first_end = pens.begin() + static_cast<ptrdiff_t>(begin) + 1;
  return static_cast<size_t>(std::upper_bound(first_end, pens.end(), limit) - pens.begin()) - 1;
}

size_t CountSpaces(const UpstreamWindow& window, size_t begin, size_t end) {
  const auto kinds = window.kinds().subspan(begin, end - begin);
  return static_cast<size_t>(std::count_if(kinds.begin(), kinds.end(), IsSpace));
}

// Where the text behind a line goes on if the line does not end before cluster `over`, the first
// that does not fit.
size_t NextBetweenCharacters(const UpstreamWindow& window, size_t begin, size_t over) {
  size_t next = over;
  if (window.CharacterAt(over) < kFirstWide) {
    const size_t middle = (begin + over + 1) / 2;
    for (size_t i = over; i > middle; --i) {
      const char32_t c = window.CharacterAt(i);
      const bool may_end_line =
          c >= kFirstWide || u_charType(static_cast<UChar32>(c)) == U_SPACE_SEPARATOR;
      if (!may_end_line || i == over) continue;
      next = i + 1;
      break;
    }
  }
  const bool hangs = kCannotStart.find(window.CharacterAt(next)) != std::u32string_view::npos;
  return hangs || next == begin ? next + 1 : next;
}

// Sets clusters on quarters of a pixel.
class PenStepper {
 public:
  PenStepper(const UpstreamWindow& window, const UpstreamLine& line, double units_per_px)
      : window_(window),
        begin_(window.pens()[line.span.begin]),
        shrink_(line.shrink),
        quarters_per_unit_(4 / units_per_px) {}

  // In quarters of a pixel from the line's begin. To be asked of one cluster after the other.
  int32_t Next(size_t i) {
    const double pen = window_.pens()[i] - begin_ - num_spaces_ * shrink_;
    if (IsSpace(window_.kinds()[i])) ++num_spaces_;
    return Quarters(pen);
  }
  // Where the pen is behind cluster `i`, which has been asked for last.
  int32_t After(size_t i) const {
    return Quarters(window_.pens()[i + 1] - begin_ - num_spaces_ * shrink_);
  }
  // Of a length in the units of advances. Less than a thousandth of a quarter is a rounding error.
  int32_t Quarters(double units) const {
    return static_cast<int32_t>(std::floor(units * quarters_per_unit_ + 1e-3));
  }

 private:
  const UpstreamWindow& window_;
  const double begin_;
  const double shrink_;
  const double quarters_per_unit_;
  int num_spaces_ = 0;
};

PlacedGlyph PlaceGlyph(uint32_t glyph, UpstreamKind kind, int32_t quarters, int16_t y) {
  const uint32_t id = kind == UpstreamKind::kMark ? glyph | kMarkShade : glyph;
  return {WithQuarters(id, static_cast<uint32_t>(quarters & 3)),
          static_cast<int16_t>(quarters >> 2), y};
}

// Adds a cluster of `source`, half-open, between two pens. The box of the last one of a line ends
// behind its ink. Spaces that had to give more than they have are nothing wide.
void AddCluster(std::pair<uint32_t, uint32_t> source, int32_t left_quarters, int32_t right_quarters,
                bool is_last, VisualLine& line) {
  const int32_t x = left_quarters >> 2;
  const int32_t right = (right_quarters + (is_last ? 3 : 0)) >> 2;
  AddCluster({.source_begin = source.first,
              .source_end = source.second,
              .x = static_cast<int16_t>(x),
              .width = static_cast<int16_t>(std::max(right - x, 0))},
             line);
}

int32_t WidthPx(const UpstreamWindow& window, const LineSpan& span, double units_per_px) {
  const double width = window.pens()[span.end] - window.pens()[span.begin];
  return static_cast<int32_t>(std::ceil(width / units_per_px));
}

}  // namespace

std::optional<UpstreamLine> BreakAtSpaces(const UpstreamWindow& window, size_t begin, double width,
                                          bool paragraph_ends) {
  const auto pens = window.pens();
  const size_t first = WordBegin(window, begin);
  LineSpan span = {first, first, window.size()};
  size_t num_words = 0;
  size_t num_spaces = 0;
  for (size_t word = first; word < window.size();) {
    const size_t word_end = WordEnd(window, word);
    const double limit =
        width + kShrinkage * static_cast<double>(num_words) * window.advances().space;
    if (pens[word_end] - pens[first] > limit) {
      const bool is_long = pens[word_end] - pens[word] > width;
      if (!is_long && word_end == window.size() && !paragraph_ends) return std::nullopt;
      const size_t over = is_long ? FirstBeyond(window, word, pens[first] + width) : word;
      // At least one character.
      const size_t cut = over == first ? first + 1 : over;
      if (cut > word) {
        span.end = cut;
        num_spaces += CountSpaces(window, word, cut);
      }
      span.next = cut;
      return Squeeze(window, span, width, num_spaces);
    }
    const size_t next = WordBegin(window, word_end);
    num_spaces += CountSpaces(window, word, word_end) + (num_words > 0 ? 1 : 0);
    ++num_words;
    span.end = word_end;
    word = next;
  }
  if (!paragraph_ends) return std::nullopt;
  return Squeeze(window, span, width, num_spaces);
}

std::optional<UpstreamLine> BreakBetweenCharacters(const UpstreamWindow& window, size_t begin,
                                                   double width, bool paragraph_ends) {
  const size_t over = FirstBeyond(window, begin, window.pens()[begin] + width);
  size_t next = window.size();
  if (over < window.size()) {
    next = NextBetweenCharacters(window, begin, over);
  } else if (!paragraph_ends) {
    return std::nullopt;
  }
  const auto kinds = window.kinds().subspan(begin, next - begin);
  const auto num_hard = std::count(kinds.begin(), kinds.end(), UpstreamKind::kHardSpace);
  return Squeeze(window, {begin, next, next}, width, static_cast<size_t>(num_hard));
}

void BuildUpstreamLine(const DisplayText& text, const ShapedText& shaped,
                       const UpstreamWindow& window, const UpstreamLine& upstream,
                       double units_per_px, VisualLine& line, TextOddities& oddities) {
  const LineSpan& span = upstream.span;
  line.boxes.clear();
  line.glyphs.clear();
  line.clusters.clear();
  PenStepper pen(window, upstream, units_per_px);
  for (size_t i = span.begin; i < span.end; ++i) {
    const ShapedCluster& cluster = shaped.clusters[i];
    const uint32_t source_begin = text.characters[cluster.first_character].source_begin;
    if (i == span.begin) line.source_begin = source_begin;
    line.source_end = text.characters[cluster.end_character - 1].source_end;
    CountOddities(text, shaped, cluster, oddities);
    const int32_t quarters = pen.Next(i);
    if (line.has_clusters) {
      AddCluster({source_begin, line.source_end}, quarters, pen.After(i), i + 1 == span.end, line);
    }
    const UpstreamKind kind = window.kinds()[i];
    if (kind == UpstreamKind::kMissing) {
      for (uint32_t c = cluster.first_character; c < cluster.end_character; ++c) {
        const uint32_t before = (c - cluster.first_character) * window.advances().missing;
        line.glyphs.push_back(PlaceGlyph(0, kind, quarters + pen.Quarters(before), 0));
      }
    }
    if (kind != UpstreamKind::kText && kind != UpstreamKind::kMark) continue;
    for (uint32_t g = cluster.first_glyph; g < cluster.end_glyph; ++g) {
      const ShapedGlyph& glyph = shaped.glyphs[g];
      const int32_t x = quarters + pen.Quarters(glyph.x);
      line.glyphs.push_back(PlaceGlyph(glyph.id, kind, x, glyph.y));
    }
  }
  line.width_px = WidthPx(window, span, units_per_px);
  line.is_blank = line.glyphs.empty();
}

void MeasureUpstreamLine(const PlainWindow& plain, const UpstreamWindow& window,
                         const LineSpan& span, double units_per_px, VisualLine& line) {
  MeasurePlainLine(plain, span, line);
  line.width_px = WidthPx(window, span, units_per_px);
}

void PlaceUpstreamGlyphs(const PlainWindow& plain, const UpstreamWindow& window,
                         const UpstreamLine& upstream, double units_per_px, VisualLine& line) {
  PenStepper pen(window, upstream, units_per_px);
  for (size_t i = upstream.span.begin; i < upstream.span.end; ++i) {
    const int32_t quarters = pen.Next(i);
    if (line.has_clusters) {
      AddCluster({plain.source(i), plain.source(i + 1)}, quarters, pen.After(i),
                 i + 1 == upstream.span.end, line);
    }
    if (plain.glyph(i) == 0) continue;
    line.glyphs.push_back(PlaceGlyph(plain.glyph(i), window.kinds()[i], quarters, 0));
  }
}

}  // namespace glyph::render
