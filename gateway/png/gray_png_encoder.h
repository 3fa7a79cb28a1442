#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/png/symbol_counts.h"
#include "gateway/png/tokenizer.h"

namespace glyph::gateway::png {

// Makes PNG files of gray pages, mostly white and full of text:
//   GrayPngEncoder encoder;
//   file << encoder.Encode(width, height, pixels);
// Keeps its memory from page to page, because fresh memory costs as much time as the work. Not
// thread-safe.
class GrayPngEncoder {
 public:
  // The file of `width` x `height` pixels of one byte each, row by row without padding;
  // pixels.size() == width * height, 1 to 2^30. It is valid until the next call, and longer than
  // pixels and rows by at most 1/8192 and 1 KiB.
  std::string_view Encode(uint32_t width, uint32_t height, std::string_view pixels);

 private:
  struct Page {
    size_t width;
    size_t height;
    std::string_view pixels;

    size_t row_bytes() const { return width + 1; }
  };

  void AppendStream(const Page& page);
  SymbolCounts CountSample(const Page& page);
  // Puts `num_rows` or fewer from `row` on, each behind its filter byte, into band_ from byte
  // `begin` on. Returns where they end.
  size_t LoadRows(const Page& page, size_t row, size_t num_rows, size_t begin);

  Tokenizer tokenizer_;
  std::vector<uint8_t> band_;
  std::vector<uint8_t> block_;
  std::string file_;
};

}  // namespace glyph::gateway::png
