#include "vlm_service/tokenizer/bpe_model.h"

#include <queue>
#include <tuple>
#include <utility>

namespace glyph::vlm {
namespace {

constexpr int32_t kRemoved = -1;
constexpr int64_t kNone = -1;

uint64_t PairKey(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

}  // namespace

// A merge that was possible when it was queued.
struct BpeModel::Candidate {
  int32_t rank;
  int64_t position;  // of the left symbol
  int32_t result;

  // Orders the heap: smallest rank first, then leftmost.
  bool operator<(const Candidate& other) const {
    return std::tie(rank, position) > std::tie(other.rank, other.position);
  }
};

// SplitMix64's finaliser: both ids must reach the low bits.
size_t BpeModel::PairHash::operator()(uint64_t pair) const {
  pair = (pair ^ (pair >> 30)) * 0xBF58476D1CE4E5B9;
  pair = (pair ^ (pair >> 27)) * 0x94D049BB133111EB;
  return pair ^ (pair >> 31);
}

BpeModel::BpeModel(Parts parts)
    : byte_tokens_(parts.byte_tokens), whole_words_(std::move(parts.whole_words)) {
  merges_.reserve(parts.merges.size());
  int32_t rank = 0;
  for (const MergeRule& rule : parts.merges) {
    merges_.emplace(PairKey(rule.left, rule.right), RankedMerge{rank++, rule.result});
  }
}

const BpeModel::RankedMerge* BpeModel::FindMerge(int32_t left, int32_t right) const {
  const auto found = merges_.find(PairKey(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

void BpeModel::Encode(std::string_view word, std::vector<int32_t>& ids) const {
  if (!whole_words_.empty()) {
    const auto whole = whole_words_.find(std::string(word));
    if (whole != whole_words_.end()) {
      ids.push_back(whole->second);
      return;
    }
  }
  std::vector<Symbol> symbols;
  symbols.reserve(word.size());
  for (const char byte : word) {
    const auto index = static_cast<int64_t>(symbols.size());
    symbols.push_back({byte_tokens_[static_cast<uint8_t>(byte)], index - 1, index + 1});
  }
  if (!symbols.empty()) symbols.back().next = kNone;
  if (!merges_.empty()) MergeAll(symbols);
  for (const Symbol& symbol : symbols) {
    if (symbol.token != kRemoved) ids.push_back(symbol.token);
  }
}

void BpeModel::MergeAll(std::vector<Symbol>& symbols) const {
  std::vector<Candidate> initial;
  for (size_t i = 0; i + 1 < symbols.size(); ++i) {
    if (const auto* merge = FindMerge(symbols[i].token, symbols[i + 1].token)) {
      initial.push_back({merge->rank, static_cast<int64_t>(i), merge->result});
    }
  }
  std::priority_queue<Candidate> queue(std::less<Candidate>(), std::move(initial));
  const auto enqueue = [&](int64_t left, int64_t right) {
    if (left == kNone || right == kNone) return;
    if (const auto* merge = FindMerge(symbols[left].token, symbols[right].token)) {
      queue.push({merge->rank, left, merge->result});
    }
  };
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    Symbol& left = symbols[top.position];
    if (left.token == kRemoved || left.next == kNone) continue;
    // Neighbours only grow, so when they changed since, their merge gives another token.
    const auto* merge = FindMerge(left.token, symbols[left.next].token);
    if (merge == nullptr || merge->result != top.result) continue;
    Symbol& right = symbols[left.next];
    left.token = top.result;
    left.next = right.next;
    right.token = kRemoved;
    if (left.next != kNone) symbols[left.next].previous = top.position;
    enqueue(left.previous, top.position);
    enqueue(top.position, left.next);
  }
}

}  // namespace glyph::vlm
