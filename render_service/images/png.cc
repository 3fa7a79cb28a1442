#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <string_view>
#include <vector>

#include "proto/rpc/error.h"
#include "render_service/images/formats.h"

namespace glyph::render {
namespace {

constexpr size_t kHeaderBytes = 24;  // signature, then length, type, width and height of IHDR
constexpr png_alloc_size_t kMaxChunkBytes = 8 << 20;
constexpr png_uint_32 kMaxCachedChunks = 64;

int64_t ReadBigEndian32(std::string_view bytes) {
  int64_t value = 0;
  for (const char byte : bytes.substr(0, 4)) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

// libpng's state and everything that must outlive its longjmp.
class PngFile {
 public:
  PngFile(std::string_view file, const std::atomic<bool>& is_cancelled)
      : rest_(file), is_cancelled_(is_cancelled) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, OnError, OnWarning);
    info_ = png_ == nullptr ? nullptr : png_create_info_struct(png_);
  }
  ~PngFile() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngFile(const PngFile&) = delete;
  PngFile& operator=(const PngFile&) = delete;

  // Fills `image`, whose size is IHDR's. False when libpng gave up. No object with a destructor
  // lives in these two functions: longjmp skips destructors.
  bool Read(DecodedImage& image) {
    if (info_ == nullptr || setjmp(png_jmpbuf(png_)) != 0) return false;
    SetUp();
    png_read_info(png_, info_);
    if (png_get_image_width(png_, info_) != static_cast<png_uint_32>(image.width_px) ||
        png_get_image_height(png_, info_) != static_cast<png_uint_32>(image.height_px)) {
      return false;
    }
    is_gray16_ = png_get_color_type(png_, info_) == PNG_COLOR_TYPE_GRAY &&
                 png_get_bit_depth(png_, info_) == 16;
    SetTransforms();
    ReadRows(image);
    return true;
  }

  bool is_gray16() const { return is_gray16_; }

 private:
  [[noreturn]] static void OnError(png_structp png, png_const_charp) {
    longjmp(png_jmpbuf(png), 1);
  }
  static void OnWarning(png_structp, png_const_charp) {}
  static void OnRow(png_structp png, png_uint_32, int) {
    if (static_cast<PngFile*>(png_get_io_ptr(png))->is_cancelled_) png_error(png, "cancelled");
  }
  static void OnRead(png_structp png, png_bytep out, size_t size) {
    auto* self = static_cast<PngFile*>(png_get_io_ptr(png));
    if (size > self->rest_.size()) png_error(png, "the file ends");
    std::memcpy(out, self->rest_.data(), size);
    self->rest_.remove_prefix(size);
  }

  void SetUp() {
    png_set_read_fn(png_, this, OnRead);
    png_set_read_status_fn(png_, OnRow);
    png_set_user_limits(png_, kMaxImageSidePx, kMaxImageSidePx);
    png_set_chunk_malloc_max(png_, kMaxChunkBytes);
    png_set_chunk_cache_max(png_, kMaxCachedChunks);
    // Chunks that do not change the pixels are not even unpacked.
    static constexpr png_byte kSkipped[] = "iCCP\0zTXt\0iTXt\0tEXt\0eXIf\0sPLT\0hIST";
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, kSkipped, sizeof(kSkipped) / 5);
  }

  void SetTransforms() {
    if (!is_gray16_) {
      png_set_strip_16(png_);
      png_set_expand_gray_1_2_4_to_8(png_);
      png_set_palette_to_rgb(png_);
      png_set_strip_alpha(png_);
      png_set_gray_to_rgb(png_);
    }
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
  }

  // 16-bit rows go to the end of the buffer, where ClipGray16 takes them from.
  void ReadRows(DecodedImage& image) {
    const size_t row_bytes = static_cast<size_t>(image.width_px) * (is_gray16_ ? 2 : 3);
    if (png_get_rowbytes(png_, info_) != row_bytes) png_error(png_, "unexpected row size");
    const auto height = static_cast<size_t>(image.height_px);
    uint8_t* row = image.rgb.data() + image.rgb.size() - row_bytes * height;
    rows_.resize(height);
    for (size_t y = 0; y < height; ++y) rows_[y] = row + y * row_bytes;
    png_read_image(png_, rows_.data());
    png_read_end(png_, nullptr);
  }

  std::string_view rest_;
  const std::atomic<bool>& is_cancelled_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  bool is_gray16_ = false;
  std::vector<png_bytep> rows_;
};

// Turns the big-endian samples in the last two thirds of the buffer into RGB in place.
void ClipGray16(DecodedImage& image) {
  const size_t pixels = image.rgb.size() / 3;
  const uint8_t* in = image.rgb.data() + pixels;
  uint8_t* out = image.rgb.data();
  for (size_t i = 0; i < pixels; ++i, in += 2, out += 3) {
    const uint8_t gray = in[0] != 0 ? 255 : in[1];
    std::fill_n(out, 3, gray);
  }
}

}  // namespace

absl::StatusOr<DecodedImage> DecodePng(std::string_view file,
                                       const std::atomic<bool>& is_cancelled) {
  if (file.size() < kHeaderBytes || file.substr(12, 4) != "IHDR") return CorruptImage();
  const int64_t width = ReadBigEndian32(file.substr(16));
  const int64_t height = ReadBigEndian32(file.substr(20));
  GLYPH_RETURN_IF_ERROR(CheckImageSize(width, height));
  DecodedImage image = MakeImage(width, height);
  PngFile png(file, is_cancelled);
  if (!png.Read(image)) return CorruptImage();
  if (png.is_gray16()) ClipGray16(image);
  return image;
}

}  // namespace glyph::render
