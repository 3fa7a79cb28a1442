#include "gateway/cli/contact_sheet.h"

#include "gmock/gmock.h"

namespace glyph::gateway::cli {
namespace {

using ::testing::Each;

TEST(ContactSheetTest, ShowsSmallPagesAsTheyAre) {
  ContactSheet sheet;
  sheet.Add(2, 1, std::string("\x01\x02"));
  const GrayPicture picture = sheet.Draw();
  EXPECT_EQ(picture.width_px, 8u + 2 + 8);
  ASSERT_EQ(picture.height_px, 8u + 1 + 8);
  EXPECT_EQ(picture.pixels.substr(8 * picture.width_px + 7, 4), "\x80\x01\x02\x80");
}

TEST(ContactSheetTest, AveragesSquaresAlsoAtTheEdges) {
  // 401 px wide: squares of 3 px, the last ones 2 px wide and 1 px high.
  std::string pixels(size_t{401} * 4, '\0');
  for (const size_t i : {0, 401, 802}) pixels[i] = 90;
  pixels[3 * 401 + 399] = 51;
  ContactSheet sheet;
  sheet.Add(401, 4, pixels);
  const GrayPicture picture = sheet.Draw();
  ASSERT_EQ(picture.width_px, 8u + 134 + 8);
  EXPECT_EQ(picture.pixels[8 * picture.width_px + 8], 30);
  EXPECT_EQ(picture.pixels[9 * picture.width_px + 8 + 133], 26);
}

TEST(ContactSheetTest, PutsSixPagesIntoARow) {
  ContactSheet sheet;
  for (char page = 1; page <= 8; ++page) sheet.Add(28, 28, std::string(28 * 28, page));
  const GrayPicture picture = sheet.Draw();
  ASSERT_EQ(picture.width_px, 6u * 36 + 8);
  ASSERT_EQ(picture.height_px, 2u * 36 + 8);
  ASSERT_EQ(picture.pixels.size(), picture.width_px * picture.height_px);
  EXPECT_EQ(picture.pixels[8 * picture.width_px + 8 + 5 * 36], 6);
  EXPECT_EQ(picture.pixels[44 * picture.width_px + 8], 7);
  EXPECT_EQ(picture.pixels[(44 + 27) * picture.width_px + 8 + 36 + 27], 8);
  EXPECT_THAT(picture.pixels.substr(44 * picture.width_px + 8 + 36 + 28, 4 * 36), Each('\x80'));
}

}  // namespace
}  // namespace glyph::gateway::cli
