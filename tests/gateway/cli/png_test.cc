#include "gateway/cli/png.h"

#include <png.h>

#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace glyph::gateway::cli {
namespace {

// Decodes with libpng, an independent reader.
std::string Decode(const std::string& file, uint32_t& width, uint32_t& height) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_memory(&image, file.data(), file.size()) == 0) return "not a PNG";
  image.format = PNG_FORMAT_GRAY;
  width = image.width;
  height = image.height;
  std::string pixels(PNG_IMAGE_SIZE(image), '\0');
  return png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr) != 0 ? pixels
                                                                                : "damaged";
}

TEST(EncodeGrayPngTest, KeepsEveryPixel) {
  for (const auto& [width, height] : {std::pair{1u, 1u}, {3u, 2u}, {532u, 280u}}) {
    std::string pixels;
    for (size_t i = 0; i < size_t{width} * height; ++i) {
      pixels.push_back(static_cast<char>(i * 37));
    }
    uint32_t read_width = 0, read_height = 0;
    EXPECT_EQ(Decode(EncodeGrayPng(width, height, pixels), read_width, read_height), pixels);
    EXPECT_EQ(read_width, width);
    EXPECT_EQ(read_height, height);
  }
}

}  // namespace
}  // namespace glyph::gateway::cli
