#include "render_service/fonts/build_fingerprint.h"

#include <gtest/gtest.h>

namespace glyph::render {
namespace {

TEST(BuildFingerprintTest, IsTheSameForTheWholeProcess) {
  EXPECT_EQ(BuildFingerprint(), BuildFingerprint());
  EXPECT_NE(BuildFingerprint(), base::Sha256Digest());
}

}  // namespace
}  // namespace glyph::render
