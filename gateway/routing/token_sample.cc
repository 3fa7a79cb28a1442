#include "gateway/routing/token_sample.h"

namespace glyph::gateway {

std::string SampleOfText(std::string_view text) {
  if (text.size() <= kMaxSampleBytes) return std::string(text);
  constexpr size_t kPieces = 8;
  constexpr size_t kPieceBytes = kMaxSampleBytes / kPieces;
  std::string sample;
  sample.reserve(kMaxSampleBytes);
  for (size_t i = 0; i < kPieces; ++i) {
    sample += text.substr((text.size() - kPieceBytes) * i / (kPieces - 1), kPieceBytes);
  }
  return sample;
}

}  // namespace glyph::gateway
