#include "render_service/fonts/build_fingerprint.h"

#include <cairo.h>
#include <ft2build.h>
#include <hb.h>
#include <pango/pango.h>
#include FT_FREETYPE_H

#include "absl/strings/str_cat.h"

namespace glyph::render {

base::Sha256Digest BuildFingerprint() {
  FT_Library freetype = nullptr;
  int major = 0, minor = 0, patch = 0;
  if (FT_Init_FreeType(&freetype) == 0) {
    FT_Library_Version(freetype, &major, &minor, &patch);
    FT_Done_FreeType(freetype);
  }
  return base::Sha256()
      .Update(absl::StrCat("freetype ", major, ".", minor, ".", patch, "\nharfbuzz ",
                           hb_version_string(), "\npango ", pango_version_string(), "\ncairo ",
                           cairo_version_string(), "\n"))
      .Finish();
}

}  // namespace glyph::render
