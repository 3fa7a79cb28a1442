#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace glyph::vlm {

// 128 bits of SHA-256: names what a KV block or a page holds. Equal names mean equal contents.
struct ContentHash {
  std::array<uint64_t, 2> words = {};
  bool operator==(const ContentHash&) const = default;
};

// What makes two pages the same to the model: their key, their size and how they are read. Tenants
// share no name: `salt` goes into it.
struct PageIdentity {
  std::span<const uint8_t, 32> key;
  int32_t width = 0;   // px, as on the wire
  int32_t height = 0;  // px
  int32_t channels = 0;
  bool uploaded = false;  // resized by the model's rule
  std::string_view salt;
};
ContentHash HashPage(const PageIdentity& page);

// The start of every chain of a tenant.
ContentHash ChainStart(std::string_view salt);

// Names a block by everything up to its end: the name of the block before it (ChainStart for the
// first) and all of its own tokens in order. Positions follow from the tokens.
//   BlockHasher hasher(previous);
//   hasher.AddTokens(ids);
//   hasher.AddPage(page, first_row, num_tokens);
//   const ContentHash hash = hasher.Finish();
class BlockHasher {
 public:
  explicit BlockHasher(const ContentHash& previous);
  void AddTokens(std::span<const int32_t> ids);
  // Image tokens [first_row, first_row + num_tokens) of a page.
  void AddPage(const ContentHash& page, int64_t first_row, int64_t num_tokens);
  ContentHash Finish() const;

 private:
  std::string record_;  // unambiguous: every piece begins with its kind and length
};

}  // namespace glyph::vlm

template <>
struct std::hash<glyph::vlm::ContentHash> {
  size_t operator()(const glyph::vlm::ContentHash& hash) const noexcept { return hash.words[0]; }
};
