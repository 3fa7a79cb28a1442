#pragma once
#include <array>
#include <cstdint>

#include "gateway/png/deflate_symbols.h"

namespace glyph::gateway::png {

// Counts what Tokenizer finds. Every symbol counts once from the start, so that codes made from a
// sample have all of them.
class SymbolCounts {
 public:
  SymbolCounts() {
    symbols_.fill(1);
    distances_.fill(1);
  }

  void AddLiteral(uint8_t literal) { symbols_[literal] += kWeight; }
  // `count` white pixels, 0 to 3.
  void AddWhite(uint32_t count) { symbols_[255] += count * kWeight; }
  void AddCopy(uint32_t length, uint32_t distance) {
    symbols_[LengthSymbol(length).symbol] += kWeight;
    distances_[DistanceSymbol(distance).symbol] += kWeight;
  }

  const std::array<uint32_t, kNumSymbols>& symbols() const { return symbols_; }
  const std::array<uint32_t, kNumDistanceSymbols>& distances() const { return distances_; }

 private:
  static constexpr uint32_t kWeight = 64;

  std::array<uint32_t, kNumSymbols> symbols_;
  std::array<uint32_t, kNumDistanceSymbols> distances_;
};

}  // namespace glyph::gateway::png
