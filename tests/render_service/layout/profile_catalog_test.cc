#include "render_service/layout/profile_catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "proto/rpc/error.h"
#include "render_service/fonts/text_shaper.h"

namespace glyph::render {
namespace {

constexpr char kFonts[] = "/usr/share/fonts";
constexpr char kNanoProfile[] = "deploy/models/nano/render_profile.json";

nlohmann::json ReadNano() {
  std::ifstream file(kNanoProfile);
  return nlohmann::json::parse(file);
}

TEST(ProfileCatalogTest, ShipsItsProfiles) {
  const auto catalog = ProfileCatalog::Create(kFonts).value();
  EXPECT_THAT(catalog->names(),
              testing::ElementsAre("glyph-upstream", "nano", "noto-1024", "noto-1024-markdown"));
  const RenderProfile& noto = catalog->Find("noto-1024").value()->profile;
  EXPECT_EQ(noto.padded_width_px(), 1036);
  EXPECT_EQ(noto.page_height_max_px, 4648);
  EXPECT_EQ(noto.text_width_px(), 1024 - 32 - 24);
  EXPECT_EQ(noto.line_pitch_px, 19.6);
}

TEST(ProfileCatalogTest, NanosFileNamesItsFingerprint) {
  const auto catalog = ProfileCatalog::Create(kFonts).value();
  EXPECT_EQ(base::ToHex(catalog->Find("nano").value()->fingerprint),
            ReadNano()["profile_fingerprint"]);
}

TEST(ProfileCatalogTest, FingerprintsValuesNotSpelling) {
  const auto catalog = ProfileCatalog::Create(kFonts).value();
  nlohmann::json json = ReadNano();
  const auto nano = catalog->Resolve(json.dump()).value();
  EXPECT_EQ(nano->fingerprint, catalog->Find("nano").value()->fingerprint);
  for (const char* key : {"wrap_mode", "page_heights", "to_grid", "profile_fingerprint"}) {
    json.erase(key);
  }
  EXPECT_EQ(catalog->Resolve(json.dump()).value()->fingerprint, nano->fingerprint);
  json["margin_left_px"] = 31;
  EXPECT_NE(catalog->Resolve(json.dump()).value()->fingerprint, nano->fingerprint);
}

TEST(ProfileCatalogTest, FindsNoUnknownName) {
  const auto catalog = ProfileCatalog::Create(kFonts).value();
  const auto profile = catalog->Find("noto-1025");
  EXPECT_EQ(rpc::GetErrorDetails(profile.status()).reason, "PROFILE_UNKNOWN");
  EXPECT_EQ(rpc::GetErrorDetails(profile.status()).field, "render.profile");
}

TEST(ProfileCatalogTest, OpensNoFontThatAClientNames) {
  const auto catalog = ProfileCatalog::Create(kFonts).value();
  for (const char* file :
       {"/etc/passwd", "../noto/NotoSansCJK-Regular.ttc", "NotoSerifCJK-Bold.ttc"}) {
    nlohmann::json json = ReadNano();
    json["font_file"] = file;
    const auto profile = catalog->Resolve(json.dump());
    EXPECT_EQ(rpc::GetErrorDetails(profile.status()).reason, "PROFILE_INVALID");
    EXPECT_THAT(std::string(profile.status().message()), testing::HasSubstr("\"font_file\""));
  }
}

TEST(ProfileCatalogTest, FingerprintsFallbackFontsInTheirOrder) {
  const auto catalog = ProfileCatalog::Create(kFonts).value();
  nlohmann::json json = ReadNano();
  const nlohmann::json thai = {
      {"family", "Noto Sans Thai"}, {"file", "NotoSansThai-Regular.ttf"}, {"face_index", 0}};
  nlohmann::json lao = thai;
  std::vector<base::Sha256Digest> fingerprints = {
      catalog->Resolve(json.dump()).value()->fingerprint};
  json["fallback_fonts"] = {thai};
  fingerprints.push_back(catalog->Resolve(json.dump()).value()->fingerprint);
  // Other bytes under the same name.
  lao["file"] = "NotoSansLao-Regular.ttf";
  json["fallback_fonts"] = {lao};
  fingerprints.push_back(catalog->Resolve(json.dump()).value()->fingerprint);
  json["fallback_fonts"] = {thai, lao};
  fingerprints.push_back(catalog->Resolve(json.dump()).value()->fingerprint);
  json["fallback_fonts"] = {lao, thai};
  fingerprints.push_back(catalog->Resolve(json.dump()).value()->fingerprint);
  EXPECT_EQ(std::set(fingerprints.begin(), fingerprints.end()).size(), fingerprints.size());
  lao["file"] = "NotoSansYi-Regular.ttf";
  json["fallback_fonts"] = {thai, lao};
  EXPECT_EQ(rpc::GetErrorDetails(catalog->Resolve(json.dump()).status()).reason, "PROFILE_INVALID");
}

TEST(ProfileCatalogTest, TakesTheHeadingFaceOfALanguage) {
  const auto catalog = ProfileCatalog::Create(kFonts).value();
  const auto own = catalog->Find("noto-1024-markdown").value();
  const auto other = catalog->InLanguage(own, "ja").value();
  EXPECT_EQ(other->profile.font.heading->face_index, 0);
  EXPECT_NE(other->fingerprint, own->fingerprint);
  EXPECT_TRUE(TextShaper::Create(*other->font_file, other->profile.font).ok());
}

TEST(ProfileCatalogTest, TakesTheFaceOfALanguage) {
  const auto catalog = ProfileCatalog::Create(kFonts).value();
  const auto own = catalog->Find("noto-1024").value();
  EXPECT_EQ(catalog->InLanguage(own, "").value(), own);
  EXPECT_EQ(catalog->InLanguage(own, "zh-Hans").value()->fingerprint, own->fingerprint);
  std::set<base::Sha256Digest> fingerprints = {own->fingerprint};
  for (const auto& [language, index] : {std::pair{"zh-Hant", 3}, {"ja", 0}, {"ko", 1}}) {
    const auto other = catalog->InLanguage(own, language).value();
    EXPECT_EQ(other->profile.font.face_index, index);
    EXPECT_EQ(other->profile.font.fallback.size(), own->profile.font.fallback.size());
    EXPECT_TRUE(fingerprints.insert(other->fingerprint).second);
    EXPECT_TRUE(TextShaper::Create(*other->font_file, other->profile.font).ok());
  }
  const absl::Status unknown = catalog->InLanguage(own, "zh").status();
  EXPECT_EQ(rpc::GetErrorDetails(unknown).reason, "LANGUAGE_UNKNOWN");
  EXPECT_THAT(std::string(unknown.message()), testing::HasSubstr("ja, ko, zh-Hans, zh-Hant"));
  const absl::Status none = catalog->InLanguage(catalog->Find("nano").value(), "ja").status();
  EXPECT_EQ(rpc::GetErrorDetails(none).field, "render.language");
}

TEST(ProfileCatalogTest, NamesTheFontFileThatIsMissing) {
  const auto catalog = ProfileCatalog::Create("/nonexistent");
  EXPECT_EQ(catalog.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(catalog.status().message()),
              testing::HasSubstr("NotoSansCJK-Regular.ttc"));
}

}  // namespace
}  // namespace glyph::render
