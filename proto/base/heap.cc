#include "proto/base/heap.h"

#include <malloc.h>

namespace glyph::base {

void SetUpHeapForPages() {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

}  // namespace glyph::base
