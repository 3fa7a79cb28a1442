#include "render_service/fonts/build_fingerprint.h"

#include <cairo.h>
#include <fribidi.h>
#include <ft2build.h>
#include <glib.h>
#include <hb.h>
#include <pango/pango.h>
#include <unicode/uchar.h>
#include <unicode/uversion.h>
#include FT_FREETYPE_H

#include <string>

#include "absl/strings/str_cat.h"

namespace glyph::render {

namespace {

std::string IcuVersion() {
  UVersionInfo version;
  char text[U_MAX_VERSION_STRING_LENGTH];
  u_getVersion(version);
  u_versionToString(version, text);
  return text;
}

}  // namespace

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
                           cairo_version_string(), "\nglib ", glib_major_version, ".",
                           glib_minor_version, ".", glib_micro_version, "\nfribidi ",
                           fribidi_version_info, "\nicu ", IcuVersion(), "\n"))
      .Finish();
}

}  // namespace glyph::render
