#pragma once
#include "proto/base/mutex.h"

namespace glyph::render {

// Held by whatever enters Cairo, also through Pango. Cairo 1.16 shares FreeType's faces between all
// threads of a process: it closes one that another thread has just found open once there are more
// than 10, opens two at once, and keeps the list of a file's fonts without a lock
// (cairo-ft-font.c). Glyphs are drawn once by each worker, so that workers hardly ever meet here.
inline base::Mutex& CairoMutex() {
  static base::Mutex mutex;
  return mutex;
}

}  // namespace glyph::render
