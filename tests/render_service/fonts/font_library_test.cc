#include "render_service/fonts/font_library.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace glyph::render {
namespace {

constexpr char kFolder[] = "/usr/share/fonts/opentype/noto";
constexpr char kFile[] = "NotoSansCJK-Regular.ttc";

TEST(FontLibraryTest, HashesTheBytesOfItsFiles) {
  const auto library = FontLibrary::Create(kFolder, {kFile, kFile}).value();
  std::ifstream file(std::string(kFolder) + "/" + kFile, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  ASSERT_NE(library->Find(kFile), nullptr);
  EXPECT_EQ(library->Find(kFile)->digest, base::Sha256().Update(bytes).Finish());
}

TEST(FontLibraryTest, FindsOnlyWhatItOpened) {
  const auto library = FontLibrary::Create(kFolder, {kFile}).value();
  EXPECT_EQ(library->Find("NotoSansCJK-Bold.ttc"), nullptr);
  EXPECT_EQ(library->Find(""), nullptr);
}

TEST(FontLibraryTest, NamesTheFileItCannotOpen) {
  const auto missing = FontLibrary::Create(kFolder, {"missing.ttf"});
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(std::string(missing.status().message()).find("missing.ttf"), std::string::npos);
  const auto no_font = FontLibrary::Create("tests/golden/images", {"rgb8.png"});
  EXPECT_EQ(no_font.status().code(), absl::StatusCode::kFailedPrecondition);
  const auto folder = FontLibrary::Create("tests/golden", {"images"});
  EXPECT_EQ(folder.status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace glyph::render
