#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace glyph::vlm {

// Joins the neighbours `left` and `right` to `result`.
struct MergeRule {
  int32_t left = 0;
  int32_t right = 0;
  int32_t result = 0;
};

// Byte-pair encoding of one word: starts from the tokens of its bytes and applies, again and again,
// the earliest rule that fits anywhere, leftmost first (tokenizers, models/bpe/word.rs).
// Immutable and thread-safe.
class BpeModel {
 public:
  struct Parts {
    std::array<int32_t, 256> byte_tokens = {};  // token of each single byte
    std::vector<MergeRule> merges;              // by rank; no two with the same neighbours
    // Words that are one token whatever the merges say (the file's ignore_merges); keys are bytes.
    std::unordered_map<std::string, int32_t> whole_words;
  };
  explicit BpeModel(Parts parts);

  // Appends the tokens of `word` to `ids`. O(n log n) in its bytes.
  void Encode(std::string_view word, std::vector<int32_t>& ids) const;

 private:
  struct RankedMerge {
    int32_t rank = 0;
    int32_t result = 0;
  };
  struct PairHash {
    size_t operator()(uint64_t pair) const;
  };
  // What is left of a word; removed symbols stay in the array, unlinked.
  struct Symbol {
    int32_t token;  // kRemoved once merged into the symbol before it
    int64_t previous;
    int64_t next;
  };
  struct Candidate;

  const RankedMerge* FindMerge(int32_t left, int32_t right) const;
  void MergeAll(std::vector<Symbol>& symbols) const;

  std::array<int32_t, 256> byte_tokens_;
  std::unordered_map<std::string, int32_t> whole_words_;
  std::unordered_map<uint64_t, RankedMerge, PairHash> merges_;
};

}  // namespace glyph::vlm
