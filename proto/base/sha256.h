#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace glyph::base {

using Sha256Digest = std::array<uint8_t, 32>;

// SHA-256 over the bytes given to Update, in order.
//   Sha256Digest digest = Sha256().Update(a).Update(b).Finish();
// Not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  Sha256& Update(std::string_view bytes);
  Sha256& Update(std::span<const uint8_t> bytes);
  // Ends the digest; call once.
  Sha256Digest Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// 64 lower-case hexadecimal digits.
std::string ToHex(const Sha256Digest& digest);

// The 32 bytes as a string, as protos carry them.
std::string ToBytes(const Sha256Digest& digest);

}  // namespace glyph::base
