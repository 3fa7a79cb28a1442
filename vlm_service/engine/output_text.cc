#include "vlm_service/engine/output_text.h"

#include <algorithm>
#include <utility>

#include "proto/base/utf8.h"

namespace glyph::vlm {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

struct Match {
  size_t begin = std::string::npos;
  size_t end = std::string::npos;
};

// The stop string that is complete first; of several ending together the longest.
Match FindStop(std::string_view text, const std::vector<std::string>& stop) {
  Match best;
  for (const std::string& candidate : stop) {
    const size_t begin = text.find(candidate);
    if (begin == std::string_view::npos) continue;
    const size_t end = begin + candidate.size();
    if (end < best.end || (end == best.end && begin < best.begin)) best = {begin, end};
  }
  return best;
}

}  // namespace

OutputText::OutputText(std::vector<std::string> stop) : stop_(std::move(stop)) {}

OutputText::Piece OutputText::Append(std::string_view bytes) {
  unfinished_ += bytes;
  TakeCharacters();
  Piece piece;
  const Match match = FindStop(held_, stop_);
  piece.stopped = match.begin != std::string::npos;
  const size_t certain = piece.stopped ? match.begin : held_.size() - HeldPrefixOfAStop();
  piece.text = held_.substr(0, certain);
  held_.erase(0, certain);
  return piece;
}

void OutputText::TakeCharacters() {
  const size_t whole = unfinished_.size() - base::UnfinishedSuffix(unfinished_);
  uint64_t replaced_bytes = 0;  // not of interest
  held_ += base::ReplaceInvalidUtf8(std::string_view(unfinished_).substr(0, whole), replaced_bytes);
  unfinished_.erase(0, whole);
}

size_t OutputText::HeldPrefixOfAStop() const {
  size_t longest = 0;
  for (const std::string& stop : stop_) {
    for (size_t n = std::min(stop.size() - 1, held_.size()); n > longest; --n) {
      if (std::string_view(held_).ends_with(std::string_view(stop).substr(0, n))) {
        longest = n;
        break;
      }
    }
  }
  return longest;
}

std::string OutputText::Tail() {
  std::string tail = std::exchange(held_, {});
  if (!unfinished_.empty()) tail += kReplacement;
  unfinished_.clear();
  return tail;
}

}  // namespace glyph::vlm
