#pragma once
#include <string>

namespace glyph::render {

// Which glyphs a text is drawn with. Always gray antialiasing and no hinting. Advances are rounded
// to whole pixels, so that a glyph looks the same wherever it stands, unless `subpixel` is set.
struct FontStyle {
  std::string family;     // fontconfig family name of the face
  std::string file;       // name of the font file, without a folder
  int face_index = 0;     // face inside the file
  double size_px = 0;     // em size
  std::string features;   // OpenType features in Pango's syntax, e.g. "kern=0,liga=0"
  bool subpixel = false;  // advances as designed, in font units (units_per_em to an em)
};

}  // namespace glyph::render
