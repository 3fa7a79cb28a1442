#pragma once
#include "proto/base/sha256.h"

namespace glyph::render {

// SHA-256 over the versions of FreeType, HarfBuzz, Pango, Cairo, GLib, FriBidi and ICU that this
// process runs with. Pages of two builds of this code with the same fingerprint are equal byte for
// byte; what this code does differently shows in a profile's fingerprint (layout/render_profile.h).
base::Sha256Digest BuildFingerprint();

}  // namespace glyph::render
