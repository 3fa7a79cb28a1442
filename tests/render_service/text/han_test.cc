#include "render_service/text/han.h"

#include <gtest/gtest.h>

#include <string>

namespace glyph::render {
namespace {

TEST(HanTest, LooksForTheCommonChineseCharacters) {
  for (const std::string found : {"\u4E00", "\u9FFF", "abc \u6587", "\u3042\u5B57"}) {
    EXPECT_TRUE(HasHan(found)) << found;
  }
  for (const std::string missing : {"", "abc", "\u4DFF", "\uA000", "\u3042\u3000", "\xE4",
                                    "\xE6\x96", "\U00020000", "\xF0\x9F\x98\x80"}) {
    EXPECT_FALSE(HasHan(missing)) << missing;
  }
}

}  // namespace
}  // namespace glyph::render
