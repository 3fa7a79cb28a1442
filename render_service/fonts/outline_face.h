#pragma once
#include <memory>
#include <string>

typedef struct FT_LibraryRec_* FT_Library;  // NOLINT: FreeType's own name
typedef struct FT_FaceRec_* FT_Face;        // NOLINT: FreeType's own name

namespace glyph::render {

// FreeType's face of a font file, at one size, with a glyph slot that nobody else writes: the faces
// that Cairo lends (cairo_ft_scaled_font_lock_face) are shared by all threads of the process.
// Not thread-safe.
class OutlineFace {
 public:
  // Null when FreeType cannot open face `index` of the file `path`.
  static std::unique_ptr<OutlineFace> Open(const std::string& path, int index, double size_px);
  ~OutlineFace();
  OutlineFace(const OutlineFace&) = delete;
  OutlineFace& operator=(const OutlineFace&) = delete;

  FT_Face face() const { return face_; }

 private:
  OutlineFace() = default;

  FT_Library library_ = nullptr;
  FT_Face face_ = nullptr;
};

}  // namespace glyph::render
