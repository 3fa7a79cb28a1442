#include "render_service/raster/hex_box.h"

#include "render_service/fonts/hex_box_size.h"

namespace glyph::render {
namespace {

// The digits 0 to F, 3x5 px: five rows of three bits, top row in the highest bits.
constexpr uint16_t kDigits[16] = {
    0b111'101'101'101'111, 0b010'110'010'010'111, 0b111'001'111'100'111, 0b111'001'011'001'111,
    0b101'101'111'001'001, 0b111'100'111'001'111, 0b111'100'111'101'111, 0b111'001'010'010'010,
    0b111'101'111'101'111, 0b111'101'111'001'111, 0b010'101'111'101'101, 0b110'101'110'101'110,
    0b011'100'100'100'011, 0b110'101'101'101'110, 0b111'100'110'100'111, 0b111'100'110'100'100};

// Sets black pixels inside the page only.
struct Pen {
  void Set(int x, int y) {
    if (x < 0 || y < 0 || x >= width || y >= height) return;
    pixels[static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)] = 0;
  }
  std::span<uint8_t> pixels;
  int width;
  int height;
};

void DrawDigit(uint32_t digit, int left, int top, Pen& pen) {
  for (int y = 0; y < kHexDigitHeight; ++y) {
    for (int x = 0; x < kHexDigitWidth; ++x) {
      const int bit = (kHexDigitHeight - 1 - y) * kHexDigitWidth + (kHexDigitWidth - 1 - x);
      if ((kDigits[digit] >> bit & 1) != 0) pen.Set(left + x, top + y);
    }
  }
}

}  // namespace

void DrawHexBox(const PlacedBox& box, int width, int height, std::span<uint8_t> pixels) {
  Pen pen{pixels, width, height};
  const auto code_point = static_cast<uint32_t>(box.code_point);
  const int box_width = HexBoxWidth(code_point);
  const int top = box.y - kHexBoxAscent;
  for (int x = 0; x < box_width; ++x) {
    pen.Set(box.x + x, top);
    pen.Set(box.x + x, top + kHexBoxHeight - 1);
  }
  for (int y = 0; y < kHexBoxHeight; ++y) {
    pen.Set(box.x, top + y);
    pen.Set(box.x + box_width - 1, top + y);
  }
  const int columns = HexBoxColumns(code_point);
  for (int i = 0; i < 2 * columns; ++i) {
    const uint32_t digit = code_point >> (4 * (2 * columns - 1 - i)) & 0xF;
    DrawDigit(digit, box.x + 2 + i % columns * (kHexDigitWidth + 1),
              top + 2 + i / columns * (kHexDigitHeight + 1), pen);
  }
}

}  // namespace glyph::render
