#pragma once
#include <cstdint>
#include <string>

namespace glyph::vlm::kernels {

// What attention is asked for, without its data: the key of a plan. bfloat16 in and out, softmax in
// float32, heads of 128, scores scaled by 1 / sqrt(128). Strides count elements; the elements of a
// head lie together, and every stride and pointer is a multiple of 16 bytes.
struct CudnnAttentionSpec {
  enum class Mask : int8_t {
    kFull,               // every query sees every token
    kCausal,             // query i sees tokens 0..i
    kCausalBottomRight,  // query i sees tokens 0..(rows_k - rows_q + i), by the actual rows
  };
  enum class Rows : int8_t {
    kExact,   // rows_q and rows_k are the actual ones
    kAtMost,  // they are upper bounds, the actual ones are on the device. All rows up to the bounds
              // must be in memory, those of k and v finite; those of `out` past the actual ones are
              // undefined.
  };
  struct Strides {
    int64_t row = 0;
    int64_t head = 128;
    bool operator==(const Strides&) const = default;
  };

  Mask mask = Mask::kFull;
  Rows rows = Rows::kExact;
  // Exact rows only: plans that differ in rows alone share compiled code.
  bool share_kernels = false;
  int32_t heads = 0;
  int32_t kv_heads = 0;  // divides `heads`
  int64_t rows_q = 0;
  int64_t rows_k = 0;
  Strides q, out;
  // Rows of k and v (dense), or the rows inside a block (paged).
  Strides k, v;
  // Above zero: k and v are caches [num_blocks, kv_heads, block_tokens, 128] read through a block
  // table, and `rows` is not kExact.
  int32_t block_tokens = 0;
  int64_t num_blocks = 0;
  int64_t block_stride = 0;

  bool operator==(const CudnnAttentionSpec&) const = default;
  // Entries of the block table.
  int64_t table_size() const { return (rows_k + block_tokens - 1) / block_tokens; }
};

// "causal paged q 2048 kv 32768 heads 32/2 at most": for messages.
std::string ToString(const CudnnAttentionSpec& spec);

// The actual rows as kAtMost reads them, on the device (16-byte aligned).
struct CudnnAttentionRows {
  alignas(16) int32_t rows_q;
  alignas(16) int32_t rows_k;
};

// The bound that stands for `rows` in a spec, so that few plans serve all lengths: the least of
// 128, 192, 256, 384, 512, 768, ... that is not below.
constexpr int64_t RowBucket(int64_t rows) {
  int64_t bucket = 128;
  while (bucket < rows) bucket += (bucket & (bucket - 1)) == 0 ? bucket / 2 : bucket / 3;
  return bucket;
}

}  // namespace glyph::vlm::kernels
