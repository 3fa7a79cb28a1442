#include "gateway/png/deflate_codes.h"

#include <algorithm>
#include <vector>

namespace glyph::gateway::png {
namespace {

using Piece = DeflateCodes::Piece;

constexpr int kMaxCodeBits = 14;
static_assert(3 * kMaxCodeBits <= BitWriter::kMaxBits, "three white pixels are one piece");
static_assert(kMaxCodeBits + 5 + kMaxCodeBits + 13 <= BitWriter::kMaxBits, "so is a copy");
constexpr int kMaxLengthCodeBits = 7;
// The lengths of the codes are themselves written in a code, whose own lengths come in this order.
constexpr std::array<uint8_t, 19> kLengthCodeOrder = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                      11, 4,  12, 3, 13, 2, 14, 1, 15};

Piece PieceOf(const HuffmanCode& code, const DeflateSymbol& symbol) {
  const uint32_t length = code.lengths[symbol.symbol];
  return {code.bits[symbol.symbol] | symbol.extra_bits << length, length + symbol.num_extra_bits};
}

// Code lengths as symbols. None is 0, as SymbolCounts has every symbol; 16 repeats the last one.
std::vector<DeflateSymbol> LengthSymbols(const std::vector<uint8_t>& lengths) {
  std::vector<DeflateSymbol> symbols;
  for (size_t i = 0; i < lengths.size();) {
    size_t run = 1;
    while (i + run < lengths.size() && lengths[i + run] == lengths[i]) ++run;
    symbols.push_back({lengths[i], 0, 0});
    i += run--;
    for (; run >= 3; run -= std::min<size_t>(run, 6)) {
      symbols.push_back({16, 2, static_cast<uint32_t>(std::min<size_t>(run, 6) - 3)});
    }
    symbols.insert(symbols.end(), run, {lengths[i - 1], 0, 0});
  }
  return symbols;
}

}  // namespace

DeflateCodes::DeflateCodes(const SymbolCounts& counts)
    : symbol_code_(BuildHuffmanCode(counts.symbols(), kMaxCodeBits)),
      distance_code_(BuildHuffmanCode(counts.distances(), kMaxCodeBits)) {
  for (uint16_t i = 0; i < literals_.size(); ++i) literals_[i] = PieceOf(symbol_code_, {i, 0, 0});
  const Piece& white = literals_[255];
  for (size_t i = 1; i < white_.size(); ++i) {
    white_[i] = {white_[i - 1].bits << white.count | white.bits, white_[i - 1].count + white.count};
  }
  for (uint32_t i = kMinLength; i < lengths_.size(); ++i) {
    lengths_[i] = PieceOf(symbol_code_, LengthSymbol(i));
  }
  for (uint16_t i = 0; i < distances_.size(); ++i)
    distances_[i] = PieceOf(distance_code_, {i, 0, 0});
  end_of_block_ = PieceOf(symbol_code_, {kEndOfBlock, 0, 0});
}

void DeflateCodes::WriteHeader(BitWriter& out) const {
  std::vector<uint8_t> lengths = symbol_code_.lengths;
  lengths.insert(lengths.end(), distance_code_.lengths.begin(), distance_code_.lengths.end());
  const std::vector<DeflateSymbol> symbols = LengthSymbols(lengths);
  std::array<uint32_t, kLengthCodeOrder.size()> counts = {};
  for (const DeflateSymbol& symbol : symbols) ++counts[symbol.symbol];
  const HuffmanCode code = BuildHuffmanCode(counts, kMaxLengthCodeBits);
  out.Put(0b100, 3);
  out.Put(kNumSymbols - 257, 5);
  out.Put(kNumDistanceSymbols - 1, 5);
  out.Put(kLengthCodeOrder.size() - 4, 4);
  for (const uint8_t i : kLengthCodeOrder) {
    out.Put(code.lengths[i], 3);
    out.Flush();
  }
  for (const DeflateSymbol& symbol : symbols) {
    const Piece piece = PieceOf(code, symbol);
    out.Put(piece.bits, piece.count);
    out.Flush();
  }
}

}  // namespace glyph::gateway::png
