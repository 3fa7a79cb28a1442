#include "render_service/text/grapheme.h"

#include <unicode/uchar.h>

namespace glyph::render {

bool ExtendsGrapheme(char32_t code_point) {
  switch (u_getIntPropertyValue(static_cast<UChar32>(code_point), UCHAR_GRAPHEME_CLUSTER_BREAK)) {
    case U_GCB_EXTEND:
    case U_GCB_ZWJ:
    case U_GCB_SPACING_MARK:
    case U_GCB_V:
    case U_GCB_T:
      return true;
    default:
      return false;
  }
}

}  // namespace glyph::render
