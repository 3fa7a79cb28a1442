#pragma once
#include <array>
#include <cstdint>

#include "gateway/png/bit_writer.h"
#include "gateway/png/deflate_symbols.h"
#include "gateway/png/huffman_code.h"
#include "gateway/png/symbol_counts.h"

namespace glyph::gateway::png {

// The codes of a dynamic block, ready for use. Immutable.
class DeflateCodes {
 public:
  // Bits that are put together.
  struct Piece {
    uint32_t bits;
    uint32_t count;
  };
  struct LongPiece {
    uint64_t bits;
    uint32_t count;
  };

  explicit DeflateCodes(const SymbolCounts& counts);

  // Begins a block that is not the last.
  void WriteHeader(BitWriter& out) const;

  const Piece& literal(uint8_t value) const { return literals_[value]; }
  // 0 to 3 white pixels.
  const LongPiece& white(uint32_t count) const { return white_[count]; }
  // With its extra bits.
  const Piece& length(uint32_t length) const { return lengths_[length]; }
  // Without them.
  const Piece& distance(uint32_t symbol) const { return distances_[symbol]; }
  const Piece& end_of_block() const { return end_of_block_; }

 private:
  const HuffmanCode symbol_code_;
  const HuffmanCode distance_code_;
  std::array<Piece, 256> literals_;
  std::array<LongPiece, 4> white_ = {};
  std::array<Piece, kMaxLength + 1> lengths_;
  std::array<Piece, kNumDistanceSymbols> distances_;
  Piece end_of_block_;
};

}  // namespace glyph::gateway::png
