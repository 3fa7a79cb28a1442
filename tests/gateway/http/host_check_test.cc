#include "gateway/http/host_check.h"

#include "gtest/gtest.h"

namespace glyph::gateway {
namespace {

TEST(HostCheckTest, AllowsAddressesLocalhostAndGivenNames) {
  const std::set<std::string> names = {"glyph.example"};
  for (const char* host : {"", "localhost", "LocalHost:8080", "127.0.0.1", "10.1.2.3:80", "[::1]",
                           "[::1]:8080", "glyph.example", "Glyph.Example:443"}) {
    EXPECT_TRUE(IsHostAllowed(host, names)) << host;
  }
}

TEST(HostCheckTest, RefusesOtherNamesAndWhatIsNoHost) {
  const std::set<std::string> names = {"glyph.example"};
  for (const char* host : {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example",
                           "a.glyph.example", "[::1", "[::1]x", "[evil]", "::1", "127.0.0.1:x",
                           "localhost:123456", "localhost:1:2", " localhost", "evil@localhost"}) {
    EXPECT_FALSE(IsHostAllowed(host, names)) << host;
  }
}

}  // namespace
}  // namespace glyph::gateway
