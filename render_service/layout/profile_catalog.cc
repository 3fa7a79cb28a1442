#include "render_service/layout/profile_catalog.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/rpc/error.h"
#include "render_service/layout/profile_scale.h"
#include "render_service/layout/shipped_profiles.h"

namespace glyph::render {
namespace {

// Of its own face first, then of the fallbacks in their order, then of headings.
std::vector<std::string> FontFiles(const RenderProfile& profile) {
  std::vector<std::string> files = {profile.font.file};
  for (const FontFace& face : profile.font.fallback) files.push_back(face.file);
  if (profile.font.heading) files.push_back(profile.font.heading->file);
  return files;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ProfileCatalog>> ProfileCatalog::Create(
    const std::string& font_directory) {
  std::vector<std::string> files;
  for (const ShippedProfile& shipped : ShippedProfiles()) {
    GLYPH_ASSIGN_OR_RETURN(const RenderProfile profile, ParseRenderProfile(shipped.json));
    const std::vector<std::string> own = FontFiles(profile);
    files.insert(files.end(), own.begin(), own.end());
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
  return WithFonts(std::move(profile));
}

absl::StatusOr<std::shared_ptr<const ResolvedProfile>> ProfileCatalog::AtDpi(
    std::shared_ptr<const ResolvedProfile> profile, int dpi) const {
  if (dpi == 0) return profile;
  GLYPH_ASSIGN_OR_RETURN(RenderProfile scaled, ScaleProfile(profile->profile, dpi));
  return WithFonts(std::move(scaled));
}

absl::StatusOr<std::shared_ptr<const ResolvedProfile>> ProfileCatalog::InLanguage(
    std::shared_ptr<const ResolvedProfile> profile, std::string_view language) const {
  if (language.empty()) return profile;
  const auto& faces = profile->profile.language_faces;
  const auto face = faces.find(language);
  if (face == faces.end()) {
    const std::string known = absl::StrJoin(
        faces, ", ", [](std::string* out, const auto& entry) { out->append(entry.first); });
    return rpc::InvalidArgument(
        "LANGUAGE_UNKNOWN", "render.language",
        absl::StrCat("render.language names no language that the profile has a face for; ",
                     known.empty() ? "it has none" : absl::StrCat("it has ", known),
                     ", leave it empty for the profile's own"));
  }
  RenderProfile other = profile->profile;
  other.font.family = face->second.family;
  other.font.face_index = face->second.face_index;
  if (other.font.heading) {
    other.font.heading->family = face->second.family;
    other.font.heading->face_index = face->second.face_index;
  }
  return WithFonts(std::move(other));
}

absl::StatusOr<std::shared_ptr<const ResolvedProfile>> ProfileCatalog::WithFonts(
    RenderProfile profile) const {
  base::Sha256 hash;
  hash.Update(CanonicalText(profile));
  for (const std::string& name : FontFiles(profile)) {
    const FontFile* file = fonts_->Find(name);
    if (file == nullptr) {
      return rpc::InvalidArgument(
          "PROFILE_INVALID", "render.profile_json",
          absl::StrCat(
              "render profile: ",
              name == profile.font.file ? "\"font_file\"" : "\"file\" or \"heading_font_file\"",
              " names no font of this renderer; use the font files of a shipped profile"));
    }
    hash.Update(base::ToBytes(file->digest));
  }
  const FontFile* file = fonts_->Find(profile.font.file);
  return std::make_shared<const ResolvedProfile>(
      ResolvedProfile{std::move(profile), file, fonts_, hash.Finish()});
}

std::vector<std::string> ProfileCatalog::names() const {
  std::vector<std::string> names;
  for (const auto& [name, profile] : shipped_) names.push_back(name);
  return names;
}

}  // namespace glyph::render
