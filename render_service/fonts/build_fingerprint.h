#pragma once
#include "proto/base/sha256.h"

namespace glyph::render {

// SHA-256 over the versions of FreeType, HarfBuzz, Pango and Cairo that this process runs with.
// Pages of two builds with the same fingerprint are equal byte for byte.
base::Sha256Digest BuildFingerprint();

}  // namespace glyph::render
