#include "gateway/http/traceparent.h"

#include "gtest/gtest.h"

namespace glyph::gateway {
namespace {

TEST(TraceparentTest, PassesWhatW3cAllows) {
  for (const char* header : {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                             "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}) {
    EXPECT_EQ(ValidTraceparent(header), header);
  }
}

TEST(TraceparentTest, DropsEverythingElse) {
  for (const char* header : {"", "00", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                             "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                             "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                             "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                             "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
                             "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-012",
                             "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}) {
    EXPECT_EQ(ValidTraceparent(header), "") << header;
  }
}

}  // namespace
}  // namespace glyph::gateway
