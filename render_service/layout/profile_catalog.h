#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/base/sha256.h"
#include "render_service/fonts/font_library.h"
#include "render_service/layout/render_profile.h"

namespace glyph::render {

// A profile whose font is at hand. Immutable, shared by the calls that draw with it.
struct ResolvedProfile {
  RenderProfile profile;
  const FontFile* font_file = nullptr;  // owned by `fonts`
  std::shared_ptr<const FontLibrary> fonts;
  base::Sha256Digest fingerprint;  // SHA-256 over CanonicalText and the font files' digests
};

// The profiles this binary ships and the fonts they need. Immutable, so safe to share.
class ProfileCatalog {
 public:
  // Opens the fonts of the shipped profiles in `font_directory`. NOT_FOUND names a missing file.
  static absl::StatusOr<std::unique_ptr<ProfileCatalog>> Create(const std::string& font_directory);

  // The shipped profile `name`. INVALID_ARGUMENT (PROFILE_UNKNOWN, render.profile) lists the names.
  absl::StatusOr<std::shared_ptr<const ResolvedProfile>> Find(std::string_view name) const;

  // A profile as JSON. INVALID_ARGUMENT (PROFILE_INVALID, render.profile_json) as
  // ParseRenderProfile, and for fonts that no shipped profile uses.
  absl::StatusOr<std::shared_ptr<const ResolvedProfile>> Resolve(std::string_view json) const;

  // `profile` at another resolution, which is another profile. 0: as it is. Errors as ScaleProfile.
  absl::StatusOr<std::shared_ptr<const ResolvedProfile>> AtDpi(
      std::shared_ptr<const ResolvedProfile> profile, int dpi) const;

  // `profile` in the face for `language`, another profile unless that is its own. Empty: as it is.
  // INVALID_ARGUMENT (LANGUAGE_UNKNOWN, render.language) lists those that it has.
  absl::StatusOr<std::shared_ptr<const ResolvedProfile>> InLanguage(
      std::shared_ptr<const ResolvedProfile> profile, std::string_view language) const;

  std::vector<std::string> names() const;

 private:
  explicit ProfileCatalog(std::shared_ptr<const FontLibrary> fonts) : fonts_(std::move(fonts)) {}

  // PROFILE_INVALID for a font file that is not of the library.
  absl::StatusOr<std::shared_ptr<const ResolvedProfile>> WithFonts(RenderProfile profile) const;

  std::shared_ptr<const FontLibrary> fonts_;
  std::map<std::string, std::shared_ptr<const ResolvedProfile>, std::less<>> shipped_;
};

}  // namespace glyph::render
