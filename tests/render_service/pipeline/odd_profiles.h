#pragma once
#include <memory>
#include <vector>

#include "render_service/layout/profile_catalog.h"

namespace glyph::render {

// The shipped profiles, and others made of them that leave no way of setting text out: sizes and
// geometries of their own, every wrap mode, styles, newline marks, narrow pages, tiny ones.
std::vector<std::shared_ptr<const ResolvedProfile>> OddProfiles(const ProfileCatalog& catalog);

}  // namespace glyph::render
