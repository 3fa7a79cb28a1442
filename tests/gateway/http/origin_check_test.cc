#include "gateway/http/origin_check.h"

#include "gtest/gtest.h"

namespace glyph::gateway {
namespace {

TEST(OriginCheckTest, AllowsTheHostItselfAndWhatIsNoBrowser) {
  EXPECT_TRUE(IsOriginAllowed("", "127.0.0.1:8080"));
  EXPECT_TRUE(IsOriginAllowed("", ""));
  EXPECT_TRUE(IsOriginAllowed("http://127.0.0.1:8080", "127.0.0.1:8080"));
  EXPECT_TRUE(
      IsOriginAllowed("https://glyph.example", "Glyph.Example"));  // behind a proxy with TLS
  EXPECT_TRUE(IsOriginAllowed("http://[::1]:8080", "[::1]:8080"));
}

TEST(OriginCheckTest, RefusesEverythingElse) {
  for (const char* origin :
       {"null", "http://evil.example", "http://localhost", "http://localhost:8081",
        "http://localhost:8080.evil.example", "http://evil.example/localhost:8080",
        "http://evil@localhost:8080", "http://localhost:8080/", "file://localhost:8080",
        "ftp://localhost:8080", "localhost:8080", "://localhost:8080", " http://localhost:8080"}) {
    EXPECT_FALSE(IsOriginAllowed(origin, "localhost:8080")) << origin;
  }
  EXPECT_FALSE(IsOriginAllowed("http://", ""));
}

}  // namespace
}  // namespace glyph::gateway
