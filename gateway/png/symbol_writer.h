#pragma once
#include <cstdint>

#include "gateway/png/bit_writer.h"
#include "gateway/png/deflate_codes.h"

namespace glyph::gateway::png {

// Writes what Tokenizer finds as a deflate block. `codes` outlive it.
class SymbolWriter {
 public:
  // Bytes that a block of `num_bytes` may need at `to`.
  static constexpr size_t MaxBytes(size_t num_bytes) { return 2 * num_bytes + 2048; }

  SymbolWriter(const DeflateCodes& codes, uint8_t* to) : codes_(&codes), out_(to) {
    codes.WriteHeader(out_);
  }

  void AddLiteral(uint8_t literal) { Add(codes_->literal(literal)); }
  void AddWhite(uint32_t count) {
    out_.Put(codes_->white(count).bits, codes_->white(count).count);
    out_.Flush();
  }
  void AddCopy(uint32_t length, uint32_t distance) {
    const DeflateSymbol symbol = DistanceSymbol(distance);
    const DeflateCodes::Piece& first = codes_->length(length);
    const DeflateCodes::Piece& second = codes_->distance(symbol.symbol);
    out_.Put(first.bits, first.count);
    out_.Put(second.bits | symbol.extra_bits << second.count, second.count + symbol.num_extra_bits);
    out_.Flush();
  }
  // Ends the block, and the byte with an empty stored one. Returns its end.
  uint8_t* Finish() {
    Add(codes_->end_of_block());
    return out_.AlignByStoredBlock();
  }

 private:
  void Add(const DeflateCodes::Piece& piece) {
    out_.Put(piece.bits, piece.count);
    out_.Flush();
  }

  const DeflateCodes* codes_;
  BitWriter out_;
};

}  // namespace glyph::gateway::png
