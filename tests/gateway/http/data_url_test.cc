#include "gateway/http/data_url.h"

#include "gtest/gtest.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

std::string ReasonFor(const std::string& url) {
  return rpc::GetErrorDetails(DecodeImageUrl(url).status()).reason;
}

TEST(DataUrlTest, DecodesTheThreeFormats) {
  EXPECT_EQ(*DecodeImageUrl("data:image/png;base64,"), "");
  EXPECT_EQ(*DecodeImageUrl("data:image/png;base64,aGk="), "hi");
  EXPECT_EQ(*DecodeImageUrl("data:image/jpeg;base64,aGkh"), "hi!");
  EXPECT_EQ(*DecodeImageUrl("DATA:Image/WebP;Base64,+/+/AA=="), std::string("\xfb\xff\xbf\0", 4));
}

TEST(DataUrlTest, FetchesNothing) {
  for (const char* url :
       {"http://127.0.0.1/a.png", "https://example.com/a", "file:///etc/passwd", "ftp://h/a",
        "//host/share", "\\\\host\\share", "", "data", "gopher://x"}) {
    EXPECT_EQ(ReasonFor(url), "IMAGE_URL_NOT_DATA") << url;
  }
}

TEST(DataUrlTest, RefusesOtherTypes) {
  for (const char* type : {"image/svg+xml;base64", "text/html;base64", "image/png", "",
                           "image/png;charset=x;base64", " image/png;base64"}) {
    EXPECT_EQ(ReasonFor("data:" + std::string(type) + ",aGk="), "IMAGE_TYPE_UNSUPPORTED") << type;
  }
}

TEST(DataUrlTest, RefusesWhatIsNotBase64) {
  for (const char* data : {"aGk", "aGk==", "aG k", "aGk=\n", "aG%3D",
                           "a===", "====", "aGl=", "aH==", "-_-_", "=aGk", "aG=k"}) {
    EXPECT_EQ(ReasonFor("data:image/png;base64," + std::string(data)), "IMAGE_NOT_BASE64") << data;
  }
  EXPECT_EQ(ReasonFor("data:image/png;base64"), "IMAGE_NOT_BASE64");  // no comma
}

}  // namespace
}  // namespace glyph::gateway
