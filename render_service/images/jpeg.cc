#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <string_view>
#include <vector>

// jpeglib.h needs cstdio before it, and jerror.h needs jpeglib.h.
// clang-format off
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include "proto/rpc/error.h"
#include "render_service/images/formats.h"

namespace glyph::render {
namespace {

// A progressive file of many scans costs a pass over the image for each.
constexpr int kMaxScans = 100;

uint8_t MultiplyDivide255(int a, int b) {
  const int product = a * b + 128;
  return static_cast<uint8_t>((product + (product >> 8)) >> 8);
}

uint8_t ClampToByte(int value) { return static_cast<uint8_t>(value < 0 ? 0 : value); }

// One row of inverted (Adobe) CMYK to RGB by PIL's formula.
void CmykToRgb(const uint8_t* cmyk, int width, uint8_t* rgb) {
  for (int x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    const int white = cmyk[3];  // 255 - black
    for (int channel = 0; channel < 3; ++channel) {
      rgb[channel] = ClampToByte(white - MultiplyDivide255(255 - cmyk[channel], white));
    }
  }
}

// libjpeg's state and everything that must outlive its longjmp.
class JpegFile {
 public:
  JpegFile(std::string_view file, const std::atomic<bool>& is_cancelled)
      : file_(file), is_cancelled_(is_cancelled) {
    jpeg_.err = jpeg_std_error(&errors_);
    errors_.error_exit = OnError;
    errors_.emit_message = OnMessage;
    jpeg_.client_data = this;
    progress_.progress_monitor = OnProgress;
  }
  ~JpegFile() { jpeg_destroy_decompress(&jpeg_); }
  JpegFile(const JpegFile&) = delete;
  JpegFile& operator=(const JpegFile&) = delete;

  // Reads the size into width() and height(). False when libjpeg gave up. No object with a
  // destructor lives in the functions that call setjmp: longjmp skips destructors.
  bool ReadHeader() {
    if (setjmp(on_error_) != 0) return false;
    jpeg_create_decompress(&jpeg_);
    jpeg_.progress = &progress_;
    jpeg_mem_src(&jpeg_, reinterpret_cast<const unsigned char*>(file_.data()), file_.size());
    return jpeg_read_header(&jpeg_, TRUE) == JPEG_HEADER_OK;
  }

  // Fills `image`, whose size is the header's.
  bool ReadPixels(DecodedImage& image) {
    if (setjmp(on_error_) != 0) return false;
    const bool is_cmyk = jpeg_.num_components == 4;
    jpeg_.out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&jpeg_);
    if (is_cmyk) cmyk_row_.resize(size_t{jpeg_.output_width} * 4);
    while (jpeg_.output_scanline < jpeg_.output_height) {
      uint8_t* row = image.rgb.data() + size_t{jpeg_.output_scanline} * jpeg_.output_width * 3;
      JSAMPROW target = is_cmyk ? cmyk_row_.data() : row;
      jpeg_read_scanlines(&jpeg_, &target, 1);
      if (is_cmyk) CmykToRgb(cmyk_row_.data(), static_cast<int>(jpeg_.output_width), row);
    }
    jpeg_finish_decompress(&jpeg_);
    return !is_cut_short_;
  }

  int64_t width() const { return jpeg_.image_width; }
  int64_t height() const { return jpeg_.image_height; }

 private:
  static JpegFile& Self(j_common_ptr jpeg) { return *static_cast<JpegFile*>(jpeg->client_data); }

  [[noreturn]] static void OnError(j_common_ptr jpeg) { longjmp(Self(jpeg).on_error_, 1); }

  // libjpeg fills the rest of a file that ends too early with gray and only warns.
  static void OnMessage(j_common_ptr jpeg, int level) {
    if (level < 0 && jpeg->err->msg_code == JWRN_JPEG_EOF) Self(jpeg).is_cut_short_ = true;
  }

  static void OnProgress(j_common_ptr jpeg) {
    if (Self(jpeg).jpeg_.input_scan_number > kMaxScans || Self(jpeg).is_cancelled_) OnError(jpeg);
  }

  std::string_view file_;
  const std::atomic<bool>& is_cancelled_;
  jpeg_decompress_struct jpeg_ = {};
  jpeg_error_mgr errors_ = {};
  jpeg_progress_mgr progress_ = {};
  jmp_buf on_error_ = {};
  bool is_cut_short_ = false;
  std::vector<uint8_t> cmyk_row_;
};

}  // namespace

absl::StatusOr<DecodedImage> DecodeJpeg(std::string_view file,
                                        const std::atomic<bool>& is_cancelled) {
  JpegFile jpeg(file, is_cancelled);
  if (!jpeg.ReadHeader()) return CorruptImage();
  GLYPH_RETURN_IF_ERROR(CheckImageSize(jpeg.width(), jpeg.height()));
  DecodedImage image = MakeImage(jpeg.width(), jpeg.height());
  if (!jpeg.ReadPixels(image)) return CorruptImage();
  return image;
}

}  // namespace glyph::render
