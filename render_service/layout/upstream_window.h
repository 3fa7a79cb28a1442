#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "render_service/fonts/shaped_text.h"
#include "render_service/layout/plain_window.h"
#include "render_service/text/display_text.h"

namespace glyph::render {

// What a cluster is to upstream's lines (upstream_line.h).
enum class UpstreamKind : uint8_t {
  kText,
  kMark,       // text of a newline mark
  kMissing,    // text that the font lacks: its glyph 0 for each character
  kSpace,      // white space: all of a run is as wide as one space, and a line may end at it
  kHardSpace,  // U+00A0, or one of several U+0020 in a row: text that leaves no ink
  kNothing,    // further white space of a run; U+00AD and U+200B, which upstream takes out
};

// How wide things are that look the same wherever they stand.
struct UpstreamAdvances {
  uint32_t space = 0;
  uint32_t missing = 0;
  bool marks_stand_apart = false;  // newline marks in a row with two spaces between them, not one
};

// A stretch of one hard line as upstream's renderer reads it: the clusters of a plain or a shaped
// window with their kinds, and with pens that follow from them.
class UpstreamWindow {
 public:
  // Becomes `plain` or (`text`, `shaped`), a part of `source`.
  void Fill(std::string_view source, const PlainWindow& plain, const UpstreamAdvances& advances);
  void Fill(std::string_view source, const DisplayText& text, const ShapedText& shaped,
            const UpstreamAdvances& advances);

  size_t size() const { return kinds_.size(); }
  std::span<const UpstreamKind> kinds() const { return kinds_; }
  // Pens of the clusters from the window's begin, in the units of advances, and the pen after the
  // last.
  std::span<const uint32_t> pens() const { return pens_; }
  const UpstreamAdvances& advances() const { return advances_; }
  // The first character of cluster `i`, U+0020 for white space.
  char32_t CharacterAt(size_t i) const;
  // Where the character begins in the source that cluster `i` shows, and how many clusters before
  // this one show the same, as those of a newline mark do.
  uint32_t OffsetOf(size_t i) const { return offsets_[i]; }
  size_t PartOf(size_t i) const;

 private:
  void Clear(std::string_view source, size_t size, const UpstreamAdvances& advances);
  void Add(UpstreamKind kind, uint32_t offset, uint32_t advance);
  void AddText(bool is_mark, uint32_t offset, uint32_t advance);
  void AddSpace(uint32_t offset, bool is_inserted);
  // Of white space that begins at `offset`; `is_inserted`: it stands for no byte.
  UpstreamKind KindOfSpace(uint32_t offset, bool is_inserted) const;

  std::string_view source_;
  UpstreamAdvances advances_;
  bool is_in_gap_ = false;  // white space that is a kSpace came last
  std::vector<UpstreamKind> kinds_;
  std::vector<uint32_t> pens_;
  std::vector<uint32_t> offsets_;  // OffsetOf
};

}  // namespace glyph::render
