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
    kAtMost,  // they are upper bounds, the actual ones are on the device. Rows of q and out up to
              // the bound are in memory, those of `out` past the actual ones become undefined. Rows
              // of dense k and v are in memory and finite up to the next multiple of 128.
  };
  struct Strides {
    int64_t row = 0;
    int64_t head = 128;
    bool operator==(const Strides&) const = default;
  };

  Mask mask = Mask::kFull;
  Rows rows = Rows::kExact;
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

// The bounds that stand for the queries of a chunk and for the tokens they see, so that a few
// plans, each of which takes its time and brings code onto the device, serve all lengths. cuDNN
// computes every query of its bound, whereas long bounds of tokens cost a few percent: 128, 512,
// then multiples of 1024 for queries, and 8192, 32768, 131072, ... for tokens.
inline constexpr int64_t kQueryStep = 1024;
constexpr int64_t QueryBound(int64_t rows) {
  if (rows <= 128) return 128;
  if (rows <= 512) return 512;
  return (rows + kQueryStep - 1) / kQueryStep * kQueryStep;
}
constexpr int64_t TokenBound(int64_t tokens) {
  int64_t bound = 8192;
  while (bound < tokens) bound *= 4;
  return bound;
}

}  // namespace glyph::vlm::kernels
