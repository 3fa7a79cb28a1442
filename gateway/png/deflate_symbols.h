#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace glyph::gateway::png {

// Literals, the end of a block and lengths share one alphabet, distances have another
// (RFC 1951, 3.2.5).
inline constexpr uint32_t kNumSymbols = 286;
inline constexpr uint32_t kNumDistanceSymbols = 30;
inline constexpr uint32_t kEndOfBlock = 256;
inline constexpr uint32_t kMinLength = 3;
inline constexpr uint32_t kMaxLength = 258;
inline constexpr uint32_t kMaxDistance = 32768;

// How deflate writes a number: a symbol, then extra bits.
struct DeflateSymbol {
  uint16_t symbol;
  uint16_t num_extra_bits;
  uint32_t extra_bits;
};

// Numbers from 0, of which 2^`log_group` symbols have each count of extra bits.
constexpr DeflateSymbol SymbolOf(uint32_t number, int log_group) {
  const int num_extra_bits = std::max(0, static_cast<int>(std::bit_width(number)) - 1 - log_group);
  return {static_cast<uint16_t>((num_extra_bits << log_group) + (number >> num_extra_bits)),
          static_cast<uint16_t>(num_extra_bits), number & ((1u << num_extra_bits) - 1)};
}

// 1 to kMaxDistance.
constexpr DeflateSymbol DistanceSymbol(uint32_t distance) { return SymbolOf(distance - 1, 1); }

// kMinLength to kMaxLength, which has a symbol of its own.
constexpr DeflateSymbol LengthSymbol(uint32_t length) {
  if (length == kMaxLength) return {kNumSymbols - 1, 0, 0};
  DeflateSymbol symbol = SymbolOf(length - kMinLength, 2);
  symbol.symbol += kEndOfBlock + 1;
  return symbol;
}

}  // namespace glyph::gateway::png
