#pragma once
#include <cstddef>
#include <string_view>

namespace glyph::render {

// How far the direction of a paragraph is looked for.
inline constexpr size_t kMaxDirectionCharacters = 4096;

// Whether the first character of `text` with a direction of its own goes from right to left (UAX 9,
// P2 and P3). false: there is none in the first kMaxDirectionCharacters. Controls are shown, not
// followed, so isolates are no exception.
bool BeginsRightToLeft(std::string_view text);

}  // namespace glyph::render
