#include "render_service/fonts/outline_face.h"

#include <ft2build.h>
#include FT_FREETYPE_H

#include <cmath>

namespace glyph::render {
namespace {

constexpr double kSizeUnits = 64;  // of FreeType's sizes, to a pixel

}  // namespace

std::unique_ptr<OutlineFace> OutlineFace::Open(const std::string& path, int index, double size_px) {
  std::unique_ptr<OutlineFace> out(new OutlineFace());
  const auto size = static_cast<FT_F26Dot6>(std::lround(size_px * kSizeUnits));
  if (FT_Init_FreeType(&out->library_) != 0 ||
      FT_New_Face(out->library_, path.c_str(), index, &out->face_) != 0 ||
      FT_Set_Char_Size(out->face_, size, size, 0, 0) != 0) {
    return nullptr;
  }
  return out;
}

// Closes the face with it.
OutlineFace::~OutlineFace() { FT_Done_FreeType(library_); }

}  // namespace glyph::render
