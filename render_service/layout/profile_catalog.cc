#include "render_service/layout/profile_catalog.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/rpc/error.h"
#include "render_service/layout/profile_scale.h"
#include "render_service/layout/shipped_profiles.h"

namespace glyph::render {

absl::StatusOr<std::unique_ptr<ProfileCatalog>> ProfileCatalog::Create(
    const std::string& font_directory) {
  std::vector<std::string> files;
  for (const ShippedProfile& shipped : ShippedProfiles()) {
    GLYPH_ASSIGN_OR_RETURN(const RenderProfile profile, ParseRenderProfile(shipped.json));
    files.push_back(profile.font.file);
  }
  GLYPH_ASSIGN_OR_RETURN(auto fonts, FontLibrary::Create(font_directory, files));
  std::unique_ptr<ProfileCatalog> catalog(new ProfileCatalog(std::move(fonts)));
  for (const ShippedProfile& shipped : ShippedProfiles()) {
    GLYPH_ASSIGN_OR_RETURN(auto resolved, catalog->Resolve(shipped.json));
    catalog->shipped_.emplace(shipped.name, std::move(resolved));
  }
  return catalog;
}

absl::StatusOr<std::shared_ptr<const ResolvedProfile>> ProfileCatalog::Find(
    std::string_view name) const {
  const auto it = shipped_.find(name);
  if (it != shipped_.end()) return it->second;
  return rpc::InvalidArgument(
      "PROFILE_UNKNOWN", "render.profile",
      absl::StrCat("render.profile names no profile of this renderer; it has ",
                   absl::StrJoin(names(), ", ")));
}

absl::StatusOr<std::shared_ptr<const ResolvedProfile>> ProfileCatalog::Resolve(
    std::string_view json) const {
  GLYPH_ASSIGN_OR_RETURN(RenderProfile profile, ParseRenderProfile(json));
  const FontFile* file = fonts_->Find(profile.font.file);
  if (file == nullptr) {
    return rpc::InvalidArgument("PROFILE_INVALID", "render.profile_json",
                                "render profile: \"font_file\" names no font of this renderer; use "
                                "the font file of a shipped profile");
  }
  return WithFingerprint(std::move(profile), *file);
}

absl::StatusOr<std::shared_ptr<const ResolvedProfile>> ProfileCatalog::AtDpi(
    std::shared_ptr<const ResolvedProfile> profile, int dpi) const {
  if (dpi == 0) return profile;
  GLYPH_ASSIGN_OR_RETURN(RenderProfile scaled, ScaleProfile(profile->profile, dpi));
  return WithFingerprint(std::move(scaled), *profile->font_file);
}

std::shared_ptr<const ResolvedProfile> ProfileCatalog::WithFingerprint(RenderProfile profile,
                                                                       const FontFile& file) const {
  const base::Sha256Digest fingerprint =
      base::Sha256().Update(CanonicalText(profile)).Update(base::ToBytes(file.digest)).Finish();
  return std::make_shared<const ResolvedProfile>(
      ResolvedProfile{std::move(profile), &file, fonts_, fingerprint});
}

std::vector<std::string> ProfileCatalog::names() const {
  std::vector<std::string> names;
  for (const auto& [name, profile] : shipped_) names.push_back(name);
  return names;
}

}  // namespace glyph::render
