#include "render_service/layout/page_key.h"

#include <bit>
#include <string_view>
#include <vector>

namespace glyph::render {
namespace {

static_assert(std::endian::native == std::endian::little, "keys are made of little-endian values");
static_assert(sizeof(PlacedGlyph) == 8 && sizeof(PlacedBox) == 8, "hashed as they lie in memory");

// `values` without padding, after their number.
template <typename T>
void Update(const std::vector<T>& values, base::Sha256& hash) {
  const auto count = static_cast<uint32_t>(values.size());
  hash.Update(std::string_view(reinterpret_cast<const char*>(&count), sizeof(count)));
  hash.Update(std::string_view(reinterpret_cast<const char*>(values.data()), sizeof(T) * count));
}

}  // namespace

base::Sha256Digest PageKey(const base::Sha256Digest& profile_fingerprint, const PageLayout& page) {
  const int32_t size[] = {page.width_px, page.height_px};
  base::Sha256 hash;
  hash.Update(profile_fingerprint)
      .Update(std::string_view(reinterpret_cast<const char*>(size), sizeof(size)));
  Update(page.glyphs, hash);
  Update(page.boxes, hash);
  return hash.Finish();
}

}  // namespace glyph::render
