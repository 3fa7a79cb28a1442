#include "render_service/images/image_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "proto/rpc/error.h"

namespace glyph::render {
namespace {

const std::string kFolder = "tests/golden/images/";

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

nlohmann::json Goldens() { return nlohmann::json::parse(ReadFile(kFolder + "images.json")); }

std::string Reason(const std::string& file) {
  const auto image = DecodeImage(file);
  if (image.ok()) return "OK";
  EXPECT_EQ(image.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(rpc::GetErrorDetails(image.status()).field, "image.data");
  return rpc::GetErrorDetails(image.status()).reason;
}

std::string BigEndian32(uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

// A PNG file of nothing but a header that claims width x height.
std::string PngHeader(uint32_t width, uint32_t height) {
  return std::string("\x89PNG\r\n\x1A\n\0\0\0\rIHDR", 16) + BigEndian32(width) +
         BigEndian32(height) + std::string("\x8\2\0\0\0\0\0\0\0", 9);
}

TEST(ImageDecoderTest, GivesThePixelsOfPil) {
  for (const auto& golden : Goldens()) {
    const std::string name = golden["file"];
    const auto image = DecodeImage(ReadFile(kFolder + name));
    ASSERT_TRUE(image.ok()) << name << ": " << image.status();
    ASSERT_EQ(image->width_px, golden["width"]) << name;
    ASSERT_EQ(image->height_px, golden["height"]) << name;
    const std::string expected = ReadFile(kFolder + name + ".rgb");
    ASSERT_EQ(image->rgb.size(), expected.size()) << name;
    int difference = 0;
    for (size_t i = 0; i < expected.size(); ++i) {
      difference =
          std::max(difference, std::abs(image->rgb[i] - static_cast<uint8_t>(expected[i])));
    }
    EXPECT_EQ(difference, 0) << name;
  }
}

TEST(ImageDecoderTest, RefusesOtherFormats) {
  for (const std::string& file :
       {std::string("GIF89a\1\0\1\0\0\0\0;", 14), std::string("BM\x46\0\0\0", 6),
        std::string("<svg xmlns='http://www.w3.org/2000/svg'/>"), std::string("II*\0", 4),
        std::string("%PDF-1.7"), std::string("RIFF\4\0\0\0WAVE", 12), std::string("x")}) {
    EXPECT_EQ(Reason(file), "IMAGE_UNSUPPORTED");
  }
  EXPECT_EQ(Reason(ReadFile(kFolder + "animated.webp")), "IMAGE_UNSUPPORTED");
  EXPECT_EQ(Reason(""), "IMAGE_CORRUPT");
}

TEST(ImageDecoderTest, ChecksTheSizeBeforeItTakesMemory) {
  EXPECT_EQ(Reason(PngHeader(16384, 1024)), "IMAGE_CORRUPT");  // within the limits, without pixels
  EXPECT_EQ(Reason(PngHeader(16384, 1025)), "IMAGE_TOO_LARGE");
  EXPECT_EQ(Reason(PngHeader(16385, 1)), "IMAGE_TOO_LARGE");
  EXPECT_EQ(Reason(PngHeader(1, 16384)), "IMAGE_CORRUPT");
  EXPECT_EQ(Reason(PngHeader(1, 16385)), "IMAGE_TOO_LARGE");
  EXPECT_EQ(Reason(PngHeader(0xFFFFFFFF, 0xFFFFFFFF)), "IMAGE_TOO_LARGE");
  EXPECT_EQ(Reason(PngHeader(0, 5)), "IMAGE_CORRUPT");
  const auto image = DecodeImage(PngHeader(20000, 20000));
  EXPECT_THAT(std::string(image.status().message()),
              testing::AllOf(testing::HasSubstr("20000x20000"), testing::HasSubstr("16384"),
                             testing::HasSubstr("16777216")));
}

TEST(ImageDecoderTest, ChecksTheSizeOfJpegFiles) {
  std::string file = ReadFile(kFolder + "rgb444.jpg");
  const size_t frame = file.find("\xFF\xC0");
  ASSERT_NE(frame, std::string::npos);
  file[frame + 5] = '\x7F';  // height 0x7F..
  EXPECT_EQ(Reason(file), "IMAGE_TOO_LARGE");
}

TEST(ImageDecoderTest, TakesFilesOfSixteenMebibytes) {
  std::string file = ReadFile(kFolder + "rgb8.png");
  file.resize(kMaxImageBytes);
  EXPECT_EQ(Reason(file), "OK");  // data after the end is ignored
  file.resize(kMaxImageBytes + 1);
  EXPECT_EQ(Reason(file), "INPUT_TOO_LARGE");
}

TEST(ImageDecoderTest, NoticesFilesThatAreCutShort) {
  for (const auto& golden : Goldens()) {
    const std::string name = golden["file"];
    if (name == "trailing_data.png") continue;
    const std::string file = ReadFile(kFolder + name);
    // What comes after the pixels may be missing: a PNG's IEND, a JPEG's end mark, a RIFF's
    // padding.
    for (size_t size = 0; size < file.size(); ++size) {
      const std::string reason = Reason(file.substr(0, size));
      if (size + 20 < file.size()) {
        EXPECT_TRUE(reason == "IMAGE_CORRUPT" || reason == "IMAGE_UNSUPPORTED")
            << name << " cut to " << size << " of " << file.size() << ": " << reason;
      }
    }
  }
}

TEST(ImageDecoderTest, NoticesAWrongChecksum) {
  std::string file = ReadFile(kFolder + "rgb8.png");
  const size_t data = file.find("IDAT");
  file[data + 40] ^= 1;
  EXPECT_EQ(Reason(file), "IMAGE_CORRUPT");
  file = ReadFile(kFolder + "rgb8.png");
  file[29] ^= 1;  // of IHDR
  EXPECT_EQ(Reason(file), "IMAGE_CORRUPT");
}

TEST(ImageDecoderTest, NoticesAMissingPalette) {
  std::string file = ReadFile(kFolder + "palette8.png");
  const size_t palette = file.find("PLTE");
  file.erase(palette - 4, 4 + 4 + 48 + 4);
  EXPECT_EQ(Reason(file), "IMAGE_CORRUPT");
}

TEST(ImageDecoderTest, SurvivesMutations) {
  std::mt19937 random(11);
  const int rounds = std::getenv("GLYPH_LONG") != nullptr ? 3000 : 60;
  for (const auto& golden : Goldens()) {
    const std::string original = ReadFile(kFolder + golden["file"].get<std::string>());
    for (int round = 0; round < rounds; ++round) {
      std::string file = original;
      for (size_t i = 1 + random() % 6; i > 0; --i) {
        file[random() % file.size()] = static_cast<char>(random());
      }
      const auto image = DecodeImage(file);
      if (image.ok()) {
        EXPECT_EQ(image->rgb.size(), size_t{3} * image->width_px * image->height_px);
      }
    }
  }
}

TEST(ImageDecoderTest, StopsWhenItIsCancelled) {
  const std::atomic<bool> is_cancelled = true;
  for (const char* name : {"rgb8.png", "rgb420.jpg", "lossy.webp"}) {
    EXPECT_EQ(DecodeImage(ReadFile(std::string(kFolder) + name), is_cancelled).status().code(),
              absl::StatusCode::kCancelled)
        << name;
  }
}

}  // namespace
}  // namespace glyph::render
