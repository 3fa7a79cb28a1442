#pragma once
#include <bit>
#include <cstdint>
#include <cstring>

namespace glyph::gateway::png {

static_assert(std::endian::native == std::endian::little, "bits are stored eight bytes at a time");

// Writes bits as deflate orders them, the lowest of a byte first. The caller gives memory for all
// that it writes and 8 bytes more. Not thread-safe.
class BitWriter {
 public:
  // Bits that may be put between two calls of Flush.
  static constexpr uint32_t kMaxBits = 56;

  explicit BitWriter(uint8_t* out) : out_(out) {}

  // The lowest `count` bits of `bits`; those above are 0.
  void Put(uint64_t bits, uint32_t count) {
    buffer_ |= bits << num_bits_;
    num_bits_ += count;
  }
  void Flush() {
    std::memcpy(out_, &buffer_, sizeof(buffer_));
    out_ += num_bits_ / 8;
    buffer_ >>= num_bits_ & ~7u;
    num_bits_ &= 7;
  }
  // After Flush: adds an empty stored block, which ends with a whole byte. Returns the end.
  uint8_t* AlignByStoredBlock() {
    Put(0, 3);
    num_bits_ = (num_bits_ + 7) & ~7u;
    Put(0xFFFF0000, 32);
    Flush();
    return out_;
  }

 private:
  uint8_t* out_;
  uint64_t buffer_ = 0;
  uint32_t num_bits_ = 0;  // in the buffer; below 8 after Flush
};

}  // namespace glyph::gateway::png
