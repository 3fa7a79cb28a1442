#include "gateway/png/huffman_code.h"

#include <random>

#include "gtest/gtest.h"

namespace glyph::gateway::png {
namespace {

// 1 when every sequence of bits means something, which decoders demand.
double KraftSum(const HuffmanCode& code) {
  double sum = 0;
  for (const uint8_t length : code.lengths) sum += length > 0 ? 1.0 / (1 << length) : 0;
  return sum;
}

TEST(HuffmanCodeTest, GivesShortCodesToFrequentSymbols) {
  const HuffmanCode code = BuildHuffmanCode(std::vector<uint32_t>{1, 100, 0, 10, 3}, 15);
  EXPECT_EQ(code.lengths, (std::vector<uint8_t>{3, 1, 0, 2, 3}));
  EXPECT_EQ(code.bits, (std::vector<uint16_t>{0b011, 0b0, 0, 0b01, 0b111}));
}

TEST(HuffmanCodeTest, HasAtLeastTwoCodes) {
  EXPECT_EQ(BuildHuffmanCode(std::vector<uint32_t>{0, 0, 0}, 7).lengths,
            (std::vector<uint8_t>{1, 1, 0}));
  EXPECT_EQ(BuildHuffmanCode(std::vector<uint32_t>{0, 0, 5}, 7).lengths,
            (std::vector<uint8_t>{1, 0, 1}));
}

// Fibonacci's counts make the deepest tree.
TEST(HuffmanCodeTest, KeepsToTheLongestLength) {
  std::vector<uint32_t> counts = {1, 1};
  while (counts.size() < 40) counts.push_back(counts.end()[-1] + counts.end()[-2]);
  for (const int max_length : {6, 7, 14, 15}) {
    const HuffmanCode code = BuildHuffmanCode(counts, max_length);
    for (const uint8_t length : code.lengths) EXPECT_LE(length, max_length);
    EXPECT_EQ(KraftSum(code), 1);
  }
}

TEST(HuffmanCodeTest, IsCompleteForAnyCounts) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::vector<uint32_t> counts(2 + random() % 285);
    for (uint32_t& count : counts) count = random() % 2 == 0 ? 0 : 1u << random() % 20;
    EXPECT_EQ(KraftSum(BuildHuffmanCode(counts, 9)), 1);
  }
}

}  // namespace
}  // namespace glyph::gateway::png
