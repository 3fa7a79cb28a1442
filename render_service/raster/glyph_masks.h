#pragma once
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "render_service/fonts/text_shaper.h"

namespace glyph::render {

// The coverage of one glyph whose pen stands on a whole pixel, or on a certain quarter of one; the
// rows lie behind it.
struct GlyphMask {
  int16_t left;  // px from the pen to the first column
  int16_t top;   // px from the baseline to the first row
  uint16_t num_rows;
  uint16_t row_bytes;  // 8 or a multiple of 16; what is right of the glyph is 0

  // [num_rows, row_bytes]
  const uint8_t* coverage() const { return reinterpret_cast<const uint8_t*>(this + 1); }
};

// Masks of the glyphs of one shaper's faces, each drawn once by GlyphCanvas. Holds at most about
// kMaxBytes: when they are full it forgets all and begins anew. Not thread-safe.
class GlyphMasks {
 public:
  static constexpr size_t kMaxBytes = 16 << 20;

  // `shaper` outlives the masks.
  explicit GlyphMasks(const TextShaper& shaper);

  // The mask of `id`, a PlacedGlyph's, valid until the next call. Null: it could not be drawn.
  const GlyphMask* Find(uint32_t id) {
    if (id >= offsets_.size()) return FindFallback(id);
    if (offsets_[id] == kNotDrawn && !Draw(id)) return nullptr;
    return reinterpret_cast<const GlyphMask*>(bytes_.data() + offsets_[id]);
  }

  const TextShaper& shaper() const { return shaper_; }
  size_t num_bytes() const { return bytes_.size(); }

 private:
  static constexpr uint32_t kNumGlyphs = 1 << 16;  // OpenType has no more
  static constexpr uint32_t kNotDrawn = ~0u;

  const GlyphMask* FindFallback(uint32_t id);
  bool Draw(uint32_t id);

  const TextShaper& shaper_;
  std::vector<uint32_t> offsets_;  // of the entries in bytes_, by glyph and quarters, of face 0
  std::unordered_map<uint32_t, uint32_t> fallback_offsets_;  // the same of faces above 0
  std::vector<uint8_t> bytes_;  // masks and their rows, 8 bytes aligned
};

}  // namespace glyph::render
