#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace glyph::render {

// A face of a font file.
struct FontFace {
  std::string family;  // fontconfig family name
  std::string file;    // name of the font file, without a folder
  int face_index = 0;  // face inside the file
};

inline constexpr size_t kMaxFallbacks = 64;

// Which glyphs a text is drawn with. Always gray antialiasing and no hinting. Advances are rounded
// to whole pixels, so that a glyph looks the same wherever it stands, unless `subpixel` is set.
struct FontStyle {
  std::string family;     // fontconfig family name of the face
  std::string file;       // name of the font file, without a folder
  int face_index = 0;     // face inside the file
  double size_px = 0;     // em size
  std::string features;   // OpenType features in Pango's syntax, e.g. "kern=0,liga=0"
  bool subpixel = false;  // advances as designed, in font units (units_per_em to an em)
  // Faces for what this one lacks, the first that has it; with features of their own, as scripts
  // ask for. At most kMaxFallbacks.
  std::vector<FontFace> fallback = {};
  // A bold face in place of the own one, in headings.
  std::optional<FontFace> heading = std::nullopt;
};

}  // namespace glyph::render
