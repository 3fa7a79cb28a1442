#include "proto/base/sha256.h"

#include <cstdint>
#include <span>
#include <string>

#include "gtest/gtest.h"

namespace glyph::base {
namespace {

std::string HexOf(std::string_view text) { return ToHex(Sha256().Update(text).Finish()); }

// The vectors of FIPS 180-2, appendix B, and the empty message.
TEST(Sha256Test, EqualsTheStandardsVectors) {
  EXPECT_EQ(HexOf(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(HexOf("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HexOf("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(HexOf(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Test, DependsOnTheBytesAndNotOnHowTheyAreCut) {
  const std::string text(200, 'x');
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    const std::string_view view = text;
    const std::span<const uint8_t> tail(reinterpret_cast<const uint8_t*>(text.data()) + cut,
                                        text.size() - cut);
    EXPECT_EQ(ToHex(Sha256().Update(view.substr(0, cut)).Update(tail).Finish()), HexOf(text));
  }
}

TEST(Sha256Test, GivesTheSameBytesAsStringAndAsHex) {
  const Sha256Digest digest = Sha256().Update("abc").Finish();
  const std::string bytes = ToBytes(digest);
  ASSERT_EQ(bytes.size(), 32u);
  EXPECT_EQ(static_cast<unsigned char>(bytes[0]), 0xBA);
  EXPECT_EQ(static_cast<unsigned char>(bytes[31]), 0xAD);
}

}  // namespace
}  // namespace glyph::base
