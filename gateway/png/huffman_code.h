#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace glyph::gateway::png {

// A Huffman code of deflate (RFC 1951, 3.2.2), by symbol.
struct HuffmanCode {
  std::vector<uint8_t> lengths;  // in bits; 0: the symbol has no code
  std::vector<uint16_t> bits;    // in the order of BitWriter
};

// The shortest code of at most `max_length` bits for symbols that occur `counts` times; at least
// two symbols get one, as some decoders demand. 2 <= counts.size() <= 2^max_length, and the counts
// add up to less than 2^32.
HuffmanCode BuildHuffmanCode(std::span<const uint32_t> counts, int max_length);

}  // namespace glyph::gateway::png
