#include "vlm_service/tools/png_image.h"

#include <png.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "vlm_service/prompt/page_grid.h"

namespace glyph::vlm {
namespace {

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

[[noreturn]] void OnError(png_structp png, png_const_charp /*message*/) { png_longjmp(png, 1); }
void OnWarning(png_structp /*png*/, png_const_charp /*message*/) {}

// libpng's two structs; longjmp only ever leaves Decode, which owns nothing.
struct PngReader {
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, OnError, OnWarning);
  png_infop info = png_create_info_struct(png);

  PngReader() = default;
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
};

enum class DecodeResult { kOk, kDamaged, kGray16 };

// Everything that may longjmp, on objects of the caller.
DecodeResult Decode(std::FILE* file, PngReader& reader, PageImage& image,
                    std::vector<png_bytep>& rows) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return DecodeResult::kDamaged;
  png_set_user_limits(reader.png, kMaxPageSidePx, kMaxPageSidePx);
  png_init_io(reader.png, file);
  png_read_info(reader.png, reader.info);
  const int color = png_get_color_type(reader.png, reader.info);
  if ((color & PNG_COLOR_MASK_COLOR) == 0 && png_get_bit_depth(reader.png, reader.info) == 16) {
    return DecodeResult::kGray16;
  }
  png_set_strip_16(reader.png);
  png_set_palette_to_rgb(reader.png);
  png_set_expand_gray_1_2_4_to_8(reader.png);
  png_set_gray_to_rgb(reader.png);
  png_set_strip_alpha(reader.png);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  image.width = static_cast<int32_t>(png_get_image_width(reader.png, reader.info));
  image.height = static_cast<int32_t>(png_get_image_height(reader.png, reader.info));
  const size_t row_bytes = png_get_rowbytes(reader.png, reader.info);
  image.pixels.resize(row_bytes * image.height);
  for (int32_t y = 0; y < image.height; ++y) {
    rows.push_back(image.pixels.data() + y * row_bytes);
  }
  png_read_image(reader.png, rows.data());
  return DecodeResult::kOk;
}

}  // namespace

absl::StatusOr<PageImage> ReadPng(const std::string& path) {
  const std::string name = std::filesystem::path(path).filename().string();
  const File file(std::filesystem::is_regular_file(path) ? std::fopen(path.c_str(), "rb")
                                                         : nullptr);
  if (file == nullptr) {
    return absl::NotFoundError(absl::StrCat("page ", name, " cannot be opened"));
  }
  PngReader reader;
  PageImage image;
  image.origin = PageOrigin::kUploaded;
  image.channels = 3;
  std::vector<png_bytep> rows;
  switch (Decode(file.get(), reader, image, rows)) {
    case DecodeResult::kDamaged:
      return absl::InvalidArgumentError(absl::StrCat("page ", name, " is no PNG of at most ",
                                                     kMaxPageSidePx, " px a side, or is damaged"));
    case DecodeResult::kGray16:
      return absl::InvalidArgumentError(
          absl::StrCat("page ", name, " is 16-bit gray; convert it to 8 bits"));
    case DecodeResult::kOk:
      break;
  }
  return image;
}

}  // namespace glyph::vlm
