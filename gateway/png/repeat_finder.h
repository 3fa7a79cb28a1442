#pragma once
#include <emmintrin.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "gateway/png/deflate_symbols.h"

namespace glyph::gateway::png {

// Knows where bytes of a page were seen before. Rows of glyphs recur exactly, because glyphs lie on
// whole pixels. Compared are three places: what the row above copied in this column, so that words
// found once are found in all of their rows, and where the next sixteen and four bytes were last.
// Header-only, so that it becomes part of the loop that asks for every glyph. Not thread-safe.
class RepeatFinder {
 public:
  struct Match {
    uint32_t length;
    uint32_t distance;
  };

  // Copies of 4 and 5 save steps rather than bytes: pages of letters are 5 % faster than with 6.
  static constexpr uint32_t kMinCopy = 4;
  // Bytes behind the text that are read.
  static constexpr size_t kPaddingBytes = 32;

  // Forgets all and begins with `bytes`, rows of `row_bytes`; padding lies behind them.
  void Reset(std::span<const uint8_t> bytes, size_t row_bytes) {
    begin_ = bytes.data();
    end_ = begin_ + bytes.size();
    row_bytes_ = row_bytes;
    short_seen_.fill(0);
    long_seen_.fill(0);
    above_mask_ = std::bit_ceil(row_bytes / kColumnPx + 8) - 1;
    above_.assign(above_mask_ + 4, 1);
  }

  // The longest copy that is known for `at`, which is not the first byte; at least kMinCopy long,
  // or the length is 0.
  Match Find(const uint8_t* at) {
    Match match = FindStart(at);
    if (match.length < kMinCopy || end_ - at < kMinCopy) return {0, 0};
    match.length = Extend(at, match);
    const uint64_t distances = match.distance * 0x0001000100010001u;
    std::memcpy(&Above(at - begin_), &distances, sizeof(distances));
    return match;
  }

 private:
  static constexpr uint32_t kComparedBytes = 16;  // at once
  static constexpr int kHashBits = 15;
  static constexpr size_t kColumnPx = 8;

  static uint64_t Load(const uint8_t* at) {
    uint64_t bytes;
    std::memcpy(&bytes, at, sizeof(bytes));
    return bytes;
  }
  static size_t Hash(uint64_t bytes) { return bytes * 0x9E3779B97F4A7C15u >> (64 - kHashBits); }
  // How many bytes at two places are equal, up to kComparedBytes.
  static uint32_t Compare(const uint8_t* a, const uint8_t* b) {
    const __m128i equal = _mm_cmpeq_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a)),
                                         _mm_loadu_si128(reinterpret_cast<const __m128i*>(b)));
    return std::countr_one(static_cast<uint32_t>(_mm_movemask_epi8(equal)));
  }
  // The distance to where this was seen, or 1.
  static uint32_t Replace(uint32_t& seen, uint32_t position) {
    const uint32_t distance = position - seen;
    seen = position;
    return distance - 1 < kMaxDistance ? distance : 1;
  }

  uint16_t& Above(size_t position) { return above_[position / kColumnPx & above_mask_]; }

  // The best of the three places by their first kComparedBytes.
  Match FindStart(const uint8_t* at) {
    const auto position = static_cast<uint32_t>(at - begin_);
    Match best = {0, Above(position - row_bytes_)};
    best.length = Compare(at, at - best.distance);
    const uint64_t bytes = Load(at);
    // Sixteen bytes rather than twelve find fewer copies that end at once: 3 %.
    uint32_t& long_seen =
        long_seen_[Hash(bytes * 0xD6E8FEB86659FD93u ^ Load(at + 8) * 0x9FB21C651E98DF25u)];
    if (best.length == kComparedBytes) {
      long_seen = position;
      return best;
    }
    const uint32_t long_distance = Replace(long_seen, position);
    const uint32_t long_length = Compare(at, at - long_distance);
    if (long_length >= best.length) best = {long_length, long_distance};
    const uint32_t distance = Replace(short_seen_[Hash(bytes << 32)], position);
    if (best.length >= kMinCopy) return best;
    const uint32_t length = Compare(at, at - distance);
    return length > best.length ? Match{length, distance} : best;
  }

  uint32_t Extend(const uint8_t* at, Match match) const {
    const size_t left = end_ - at;
    // Most copies: the next step does not wait for the limit (4 %).
    if (match.length < kComparedBytes && left >= kComparedBytes) return match.length;
    const size_t limit = std::min<size_t>(kMaxLength, left);
    size_t length = match.length;
    for (uint32_t more = match.length; more == kComparedBytes && length < limit; length += more) {
      more = Compare(at + length, at + length - match.distance);
    }
    return static_cast<uint32_t>(std::min(length, limit));
  }

  const uint8_t* begin_ = nullptr;
  const uint8_t* end_ = nullptr;
  size_t row_bytes_ = 0;
  std::array<uint32_t, 1 << kHashBits> short_seen_;  // positions, by hash of what begins there
  std::array<uint32_t, 1 << kHashBits> long_seen_;
  // Distance of the last copy over a position / kColumnPx, in a ring of a row or more. It is valid
  // wherever it is read, as that is never before the copy.
  std::vector<uint16_t> above_;
  size_t above_mask_ = 0;
};

}  // namespace glyph::gateway::png
