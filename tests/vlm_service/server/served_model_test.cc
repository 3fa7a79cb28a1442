#include "vlm_service/server/served_model.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace glyph::vlm {
namespace {

TEST(ProfileFingerprintOf, IsEmptyWithoutAFingerprint) {
  EXPECT_EQ(*ProfileFingerprintOf(""), "");
  EXPECT_EQ(*ProfileFingerprintOf(R"({"font_size_px": 14})"), "");
}

TEST(ProfileFingerprintOf, ReadsSixtyFourDigits) {
  const std::string digits(64, 'a');
  EXPECT_EQ(*ProfileFingerprintOf(R"({"profile_fingerprint": ")" + digits + "\"}"),
            std::string(32, '\xAA'));
}

TEST(ProfileFingerprintOf, RefusesWhatIsNoFingerprint) {
  for (const char* json :
       {"[", "[]", R"({"profile_fingerprint": 7})", R"({"profile_fingerprint": "abc"})",
        R"({"profile_fingerprint": "gggggggggggggggggggggggggggggggggggggggggggg)"
        R"(gggggggggggggggggggg"})"}) {
    EXPECT_EQ(ProfileFingerprintOf(json).status().code(), absl::StatusCode::kInvalidArgument)
        << json;
  }
}

}  // namespace
}  // namespace glyph::vlm
