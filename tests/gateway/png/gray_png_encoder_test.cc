#include "gateway/png/gray_png_encoder.h"

#include <png.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace glyph::gateway::png {
namespace {

struct Picture {
  uint32_t width = 0;
  uint32_t height = 0;
  std::string pixels;

  bool operator==(const Picture&) const = default;
};

// libpng, an independent reader that checks all sums.
Picture Decode(std::string_view file) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_memory(&image, file.data(), file.size()) == 0) return {};
  EXPECT_EQ(image.format, static_cast<uint32_t>(PNG_FORMAT_GRAY));
  Picture picture = {image.width, image.height, std::string(PNG_IMAGE_SIZE(image), '\0')};
  if (png_image_finish_read(&image, nullptr, picture.pixels.data(), 0, nullptr) == 0) return {};
  EXPECT_EQ(image.warning_or_error, 0u) << image.message;
  return picture;
}

using Pixel = std::function<int(uint32_t x, uint32_t y)>;

Picture Paint(uint32_t width, uint32_t height, const Pixel& pixel) {
  Picture picture = {width, height, {}};
  picture.pixels.reserve(size_t{width} * height);
  for (uint32_t y = 0; y < height; ++y) {
    for (uint32_t x = 0; x < width; ++x) picture.pixels.push_back(static_cast<char>(pixel(x, y)));
  }
  return picture;
}

// Pixels that try each way through the encoder.
std::vector<Pixel> Pixels() {
  static std::mt19937 random(1);
  return {
      [](uint32_t, uint32_t) { return 255; },
      [](uint32_t, uint32_t) { return 0; },
      [](uint32_t x, uint32_t y) { return static_cast<int>(x * 37 + y * 101); },
      [](uint32_t, uint32_t) { return static_cast<int>(random()); },
      // White with ink, from rare to dense.
      [](uint32_t, uint32_t) { return random() % 40 == 0 ? static_cast<int>(random()) : 255; },
      [](uint32_t, uint32_t) { return random() % 4 == 0 ? static_cast<int>(random()) : 255; },
      [](uint32_t, uint32_t) { return random() % 2 == 0 ? 254 : 255; },
      // Glyphs that recur, a few px wide and apart.
      [](uint32_t x, uint32_t y) {
        return x % 11 < 7 ? static_cast<int>((x % 11 + y % 20) * 29) : 255;
      },
      [](uint32_t x, uint32_t y) { return (x + y * 3) % 23 < 15 ? static_cast<int>(x * x) : 255; },
      // Text above noise: codes and their pages differ.
      [](uint32_t x, uint32_t y) {
        return y > 300 ? static_cast<int>(random()) : x % 9 == 0 ? 7 : 255;
      },
      [](uint32_t x, uint32_t y) {
        return y > 300 ? (x % 9 == 0 ? 7 : 255) : static_cast<int>(random());
      },
  };
}

TEST(GrayPngEncoderTest, KeepsEveryPixelOfEverySize) {
  GrayPngEncoder encoder;
  for (const uint32_t width : {1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 257, 259, 517, 1036}) {
    for (const uint32_t height : {1, 2, 3, 19, 64, 129, 280}) {
      for (const Pixel& pixel : Pixels()) {
        const Picture picture = Paint(width, height, pixel);
        ASSERT_TRUE(Decode(encoder.Encode(width, height, picture.pixels)) == picture)
            << width << " x " << height;
      }
    }
  }
}

// Several bands, rows longer than deflate's window, and rows of which two make a band.
TEST(GrayPngEncoderTest, KeepsEveryPixelOfLargePages) {
  GrayPngEncoder encoder;
  for (const auto& [width, height] :
       {std::pair{1036u, 2500u}, {16384u, 150u}, {40000u, 60u}, {900000u, 3u}}) {
    for (const Pixel& pixel : Pixels()) {
      const Picture picture = Paint(width, height, pixel);
      ASSERT_TRUE(Decode(encoder.Encode(width, height, picture.pixels)) == picture)
          << width << " x " << height;
    }
  }
}

TEST(GrayPngEncoderTest, GrowsLittleAtWorst) {
  GrayPngEncoder encoder;
  for (const auto& [width, height] :
       {std::pair{1u, 1u}, {1u, 3000u}, {1036u, 2500u}, {3000000u, 1u}}) {
    for (const Pixel& pixel : Pixels()) {
      const Picture picture = Paint(width, height, pixel);
      const size_t bytes = (size_t{width} + 1) * height;
      EXPECT_LE(encoder.Encode(width, height, picture.pixels).size(), bytes + bytes / 8192 + 1024);
    }
  }
}

TEST(GrayPngEncoderTest, DependsOnNothingButThePage) {
  GrayPngEncoder used;
  const Picture page = Paint(300, 700, Pixels()[8]);
  for (const Pixel& pixel : Pixels()) used.Encode(1036, 900, Paint(1036, 900, pixel).pixels);
  EXPECT_EQ(used.Encode(300, 700, page.pixels), GrayPngEncoder().Encode(300, 700, page.pixels));
}

// pngcheck also refuses what libpng only warns of.
TEST(GrayPngEncoderTest, PassesPngcheck) {
  const std::string path = ::testing::TempDir() + "gray_png_" + std::to_string(getpid()) + ".png";
  GrayPngEncoder encoder;
  for (const Pixel& pixel : Pixels()) {
    const Picture picture = Paint(517, 700, pixel);
    std::ofstream(path, std::ios::binary) << encoder.Encode(517, 700, picture.pixels);
    EXPECT_EQ(std::system(("pngcheck -q " + path).c_str()), 0);
  }
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace glyph::gateway::png
