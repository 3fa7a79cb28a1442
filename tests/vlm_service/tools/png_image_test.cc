#include "vlm_service/tools/png_image.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace glyph::vlm {
namespace {

constexpr char kFolder[] = "tests/golden/model/png/";

std::string TemporaryFile(const std::string& bytes) {
  const std::string file = absl::StrCat(testing::TempDir(), "/png_image_test_", getpid(), ".png");
  std::ofstream(file, std::ios::binary) << bytes;
  return file;
}

std::string ReadBytes(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST(PngImageTest, PixelsAreThoseOfPilConvertedToRgb) {
  std::ifstream stream(std::string(kFolder) + "expected.json");
  const nlohmann::json rows = nlohmann::json::parse(stream);
  ASSERT_EQ(rows.size(), 9u);
  for (const nlohmann::json& row : rows) {
    const absl::StatusOr<PageImage> page = ReadPng(kFolder + row["file"].get<std::string>());
    ASSERT_TRUE(page.ok()) << row["file"] << page.status();
    EXPECT_EQ(page->width, 7);
    EXPECT_EQ(page->height, 5);
    EXPECT_EQ(page->channels, 3);
    EXPECT_EQ(page->origin, PageOrigin::kUploaded);
    EXPECT_EQ(page->pixels, row["rgb"].get<std::vector<uint8_t>>()) << row["file"];
  }
}

TEST(PngImageTest, SixteenBitGrayIsRefused) {
  const absl::Status status = ReadPng(std::string(kFolder) + "gray16.png").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("16-bit"));
}

TEST(PngImageTest, MissingFilesAndFoldersAreNotFound) {
  EXPECT_EQ(ReadPng("no/such/page.png").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadPng(kFolder).status().code(), absl::StatusCode::kNotFound);
}

TEST(PngImageTest, EveryTruncationIsRefused) {
  const std::string whole = ReadBytes(std::string(kFolder) + "rgb.png");
  // The last 12 bytes are IEND, which carries no pixels.
  for (size_t size = 0; size + 12 < whole.size(); ++size) {
    const std::string file = TemporaryFile(whole.substr(0, size));
    EXPECT_EQ(ReadPng(file).status().code(), absl::StatusCode::kInvalidArgument) << size;
    std::filesystem::remove(file);
  }
}

}  // namespace
}  // namespace glyph::vlm
