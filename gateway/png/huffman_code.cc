#include "gateway/png/huffman_code.h"

#include <algorithm>
#include <utility>

namespace glyph::gateway::png {
namespace {

struct Leaf {
  uint32_t count;
  uint16_t symbol;
};

// Symbols in use by ascending count.
std::vector<Leaf> SortedLeaves(std::span<const uint32_t> counts) {
  std::vector<Leaf> leaves;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] > 0) leaves.push_back({counts[i], static_cast<uint16_t>(i)});
  }
  for (uint16_t i = 0; leaves.size() < 2; ++i) {
    if (counts[i] == 0) leaves.push_back({1, i});
  }
  std::stable_sort(leaves.begin(), leaves.end(),
                   [](const Leaf& a, const Leaf& b) { return a.count < b.count; });
  return leaves;
}

// Depth of each leaf in a Huffman tree. Leaves and the nodes made of them are two queues, both in
// ascending order, so the two least are always in front.
std::vector<uint8_t> Depths(std::span<const Leaf> leaves) {
  const size_t num_leaves = leaves.size();
  std::vector<uint32_t> weights;  // of the inner nodes
  std::vector<size_t> parents(2 * num_leaves - 1);
  size_t next_leaf = 0, next_inner = 0;
  const auto take = [&](size_t parent) {
    const bool is_leaf = next_leaf < num_leaves && (next_inner == weights.size() ||
                                                    leaves[next_leaf].count <= weights[next_inner]);
    parents[is_leaf ? next_leaf : num_leaves + next_inner] = parent;
    return is_leaf ? leaves[next_leaf++].count : weights[next_inner++];
  };
  for (size_t node = num_leaves; node < parents.size(); ++node) {
    const uint32_t first = take(node);
    const uint32_t second = take(node);
    weights.push_back(first + second);
  }
  std::vector<uint8_t> depths(parents.size());
  for (size_t node = parents.size() - 1; node-- > 0;) depths[node] = depths[parents[node]] + 1;
  depths.resize(num_leaves);
  return depths;
}

uint16_t Reversed(uint32_t bits, int count) {
  uint32_t reversed = 0;
  for (int i = 0; i < count; ++i) reversed |= (bits >> i & 1) << (count - 1 - i);
  return static_cast<uint16_t>(reversed);
}

}  // namespace

HuffmanCode BuildHuffmanCode(std::span<const uint32_t> counts, int max_length) {
  std::vector<Leaf> leaves = SortedLeaves(counts);
  std::vector<uint8_t> depths = Depths(leaves);
  // Flatter counts make a flatter tree; only extreme pages need it.
  while (depths.front() > max_length) {
    for (Leaf& leaf : leaves) leaf.count = leaf.count / 2 + 1;
    depths = Depths(leaves);
  }
  HuffmanCode code = {std::vector<uint8_t>(counts.size()), std::vector<uint16_t>(counts.size())};
  for (size_t i = 0; i < leaves.size(); ++i) code.lengths[leaves[i].symbol] = depths[i];
  uint32_t next = 0;
  for (int length = 1; length <= max_length; ++length, next <<= 1) {
    for (size_t i = 0; i < counts.size(); ++i) {
      if (code.lengths[i] == length) code.bits[i] = Reversed(next++, length);
    }
  }
  return code;
}

}  // namespace glyph::gateway::png
