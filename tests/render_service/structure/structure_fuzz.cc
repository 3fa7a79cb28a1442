// Structure of any bytes.
#include <cstdint>

#include "proto/base/check.h"
#include "tests/render_service/structure/check_structure.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  GLYPH_CHECK(
      glyph::render::FindStructureViolation({reinterpret_cast<const char*>(data), size}).empty());
  return 0;
}
