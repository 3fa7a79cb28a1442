#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "gateway/png/deflate_symbols.h"
#include "gateway/png/repeat_finder.h"

namespace glyph::gateway::png {

// Splits gray pages into what deflate writes: white, which is only measured, copies and literals.
// Not thread-safe.
class Tokenizer {
 public:
  // Bytes behind the text that are read; they are 0.
  static constexpr size_t kPaddingBytes = RepeatFinder::kPaddingBytes;

  // Gives `sink` literals, white pixels (at most 3 at once) and copies that make up `bytes`: rows
  // of `row_bytes` that begin with a byte that is not white, with padding behind them; fewer than
  // 2^31. Always inlined, so that it is compiled for the processor its caller is compiled for.
  template <typename Sink>
  [[gnu::always_inline]] void Tokenize(std::span<const uint8_t> bytes, size_t row_bytes,
                                       Sink& sink);

 private:
  static constexpr uint8_t kWhite = 255;
  // Glyphs that do not recur, as in Chinese, are soon looked up more seldom.
  static constexpr int kMaxPatience = 256;
  static constexpr int kMatchPatience = 3;
  static constexpr int kGlyphsSkipped = 4;

  static uint32_t WhiteLength(const uint8_t* at) {
    const uint8_t* const begin = at;
    while (true) {
      uint64_t bytes;
      std::memcpy(&bytes, at, sizeof(bytes));
      if (~bytes != 0) return static_cast<uint32_t>(at - begin) + std::countr_one(bytes) / 8;
      at += sizeof(bytes);
    }
  }
  // All white from `at` on, which may be none; returns its end.
  template <typename Sink>
  [[gnu::always_inline]] static const uint8_t* AddWhite(const uint8_t* at, Sink& sink);

  std::unique_ptr<RepeatFinder> repeats_ = std::make_unique<RepeatFinder>();
};

template <typename Sink>
inline const uint8_t* Tokenizer::AddWhite(const uint8_t* at, Sink& sink) {
  uint32_t length = WhiteLength(at);
  const uint8_t* const end = at + length;
  if (length > kMinLength) {
    if (at[-1] != kWhite) {
      sink.AddWhite(1);
      --length;
    }
    for (; length > kMaxLength; length -= kMaxLength) sink.AddCopy(kMaxLength, 1);
    if (length >= kMinLength) {
      sink.AddCopy(length, 1);
      return end;
    }
  }
  sink.AddWhite(length);
  return end;
}

template <typename Sink>
inline void Tokenizer::Tokenize(std::span<const uint8_t> bytes, size_t row_bytes, Sink& result) {
  Sink sink = result;  // a local one stays in registers
  RepeatFinder& repeats = *repeats_;
  repeats.Reset(bytes, row_bytes);
  const uint8_t* at = bytes.data();
  const uint8_t* const end = at + bytes.size();
  sink.AddLiteral(*at++);
  int patience = kMaxPatience;
  while (at < end) {
    // Here white is over, unless it ended with a copy.
    if (patience < 0) {
      for (++patience; at < end && *at != kWhite; ++at) sink.AddLiteral(*at);
    } else if (const RepeatFinder::Match match = repeats.Find(at); match.length > 0) {
      sink.AddCopy(match.length, match.distance);
      at += match.length;
      patience = std::min(patience + kMatchPatience, kMaxPatience);
    } else {
      patience = patience > 0 ? patience - 1 : -kGlyphsSkipped;
      sink.AddLiteral(*at++);
      if (*at != kWhite) continue;
    }
    at = AddWhite(at, sink);
  }
  result = sink;
}

}  // namespace glyph::gateway::png
