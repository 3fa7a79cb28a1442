#include "render_service/layout/page_key.h"

#include <bit>
#include <cstring>
#include <string>

namespace glyph::render {
namespace {

static_assert(std::endian::native == std::endian::little, "keys are made of little-endian values");

template <typename T>
void Append(T value, std::string& out) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

}  // namespace

base::Sha256Digest PageKey(const base::Sha256Digest& profile_fingerprint, const PageLayout& page) {
  std::string data = base::ToBytes(profile_fingerprint);
  data.reserve(data.size() + 16 + 8 * (page.glyphs.size() + page.boxes.size()));
  Append(static_cast<int32_t>(page.width_px), data);
  Append(static_cast<int32_t>(page.height_px), data);
  Append(static_cast<uint32_t>(page.glyphs.size()), data);
  for (const PlacedGlyph& glyph : page.glyphs) {
    Append(glyph.id, data);
    Append(glyph.x, data);
    Append(glyph.y, data);
  }
  Append(static_cast<uint32_t>(page.boxes.size()), data);
  for (const PlacedBox& box : page.boxes) {
    Append(static_cast<uint32_t>(box.code_point), data);
    Append(box.x, data);
    Append(box.y, data);
  }
  return base::Sha256().Update(data).Finish();
}

}  // namespace glyph::render
