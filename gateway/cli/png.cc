#include "gateway/cli/png.h"

#include <memory>

#include "libdeflate.h"

namespace glyph::gateway::cli {
namespace {

constexpr int kCompressionLevel = 6;

void AppendBigEndian(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

// Length, type, data, CRC of type and data.
void AppendChunk(std::string& png, std::string_view type, std::string_view data) {
  AppendBigEndian(png, static_cast<uint32_t>(data.size()));
  const size_t begin = png.size();
  png.append(type).append(data);
  AppendBigEndian(png, libdeflate_crc32(0, png.data() + begin, png.size() - begin));
}

std::string Header(uint32_t width, uint32_t height) {
  std::string header;
  AppendBigEndian(header, width);
  AppendBigEndian(header, height);
  header.append({8, 0, 0, 0, 0});  // 8 bits, gray, deflate, adaptive filters, not interlaced
  return header;
}

std::string Compress(std::string_view data) {
  const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
      libdeflate_alloc_compressor(kCompressionLevel), &libdeflate_free_compressor);
  std::string out(libdeflate_zlib_compress_bound(compressor.get(), data.size()), '\0');
  out.resize(
      libdeflate_zlib_compress(compressor.get(), data.data(), data.size(), out.data(), out.size()));
  return out;
}

}  // namespace

std::string EncodeGrayPng(uint32_t width, uint32_t height, std::string_view pixels) {
  std::string rows;  // each behind its filter byte: 0, none
  rows.reserve(pixels.size() + height);
  for (size_t row = 0; row < height; ++row) {
    rows.push_back(0);
    rows.append(pixels.substr(row * width, width));
  }
  std::string png = "\x89PNG\r\n\x1a\n";
  AppendChunk(png, "IHDR", Header(width, height));
  AppendChunk(png, "IDAT", Compress(rows));
  AppendChunk(png, "IEND", "");
  return png;
}

}  // namespace glyph::gateway::cli
