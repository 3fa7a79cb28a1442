#pragma once
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "render_service/fonts/font_library.h"
#include "render_service/fonts/font_style.h"
#include "render_service/fonts/shaper.h"

typedef struct _cairo_scaled_font cairo_scaled_font_t;  // NOLINT: cairo's own name

namespace glyph::render {

// Turns characters into positioned glyphs of one font style through Pango and HarfBuzz. Which face
// shows a character is decided here, not by fontconfig (fonts/face_chooser.h). What has no glyph
// becomes a hex box (raster/hex_box.h draws it). Shaping is independent of where a line will be
// cut: contextual features are the profile's to switch off.
//   GLYPH_ASSIGN_OR_RETURN(auto shaper, TextShaper::Create(font_file, style));
//   ShapedText shaped;
//   shaper->Shape(display_text, {}, shaped);
// Not thread-safe: every worker owns its shapers.
class TextShaper : public Shaper {
 public:
  // The fonts are those of the library of `file`. FAILED_PRECONDITION when a file holds no face of
  // the index and family that `style` says.
  static absl::StatusOr<std::unique_ptr<TextShaper>> Create(const FontFile& file,
                                                            const FontStyle& style);
  ~TextShaper() override;
  TextShaper(const TextShaper&) = delete;
  TextShaper& operator=(const TextShaper&) = delete;

  void Shape(const DisplayText& text, const ParagraphStyle& paragraph, ShapedText& out) override;

  // Advance of glyph 0, which the font shows for characters that it lacks.
  int32_t missing_advance() const;

  // Advance units in a px: 1, or font units where the style is subpixel.
  double units_per_px() const;

  // The style's own face, its fallbacks, and the heading face if it has one.
  uint32_t num_faces() const;

  // The font of the glyphs of `face` (FaceOf), set up as FontStyle says. Lives as long as the
  // shaper.
  cairo_scaled_font_t* scaled_font(uint32_t face) const;

 private:
  struct PangoState;
  explicit TextShaper(std::unique_ptr<PangoState> state);

  std::unique_ptr<PangoState> state_;
};

}  // namespace glyph::render
