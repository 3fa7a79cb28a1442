#pragma once
#include <cstdint>

// What the two attention kernels of cpu/kernels.h are given.
namespace glyph::vlm::cpu {

// Attention of one new token a row over its paged keys and values, for tasks (row, KV head) in
// [begin, end), row-major. `scratch` holds PagedAttentionScratch floats.
template <typename T>
struct PagedAttentionParams {
  const T* q;        // [rows, kv_heads * group, head_dim]
  int64_t q_stride;  // from row to row
  const T* k;        // a row [head_dim] each token, head and block
  const T* v;
  int64_t kv_stride;             // from token to token of a block, of both
  int64_t kv_head_stride;        // from head to head
  int64_t kv_block_stride;       // from block to block
  T* out;                        // like q, dense
  const int32_t* const* blocks;  // [rows] block tables
  const int64_t* lengths;        // [rows] tokens in the cache, the new one included
  int64_t block_tokens;
  int64_t kv_heads;
  int64_t group;  // query heads of a KV head
  int64_t head_dim;
  float scale;
};

// Lanes (pairs of a row and a query head) of one task of SequenceAttention.
inline constexpr int64_t kTaskLanes = 48;

// Attention of rows of one sequence: row r sees the tokens up to number first + r that exist. For
// tasks in [begin, end) of SequenceAttentionTasks; a row's result depends neither on the other rows
// nor on how many they are. `scratch` holds SequenceAttentionScratch floats.
template <typename T>
struct SequenceAttentionParams {
  const T* q;        // [rows, kv_heads * group, head_dim]
  int64_t q_stride;  // from row to row
  const T* k;        // a row [head_dim] each token, head and block
  const T* v;
  int64_t kv_stride;        // from row to row, of both
  int64_t kv_head_stride;   // from head to head
  int64_t kv_block_stride;  // from block to block
  T* out;                   // like q
  int64_t out_stride;
  // Block table: token t is row t % block_tokens of its block. Null: block b is block number b.
  const int32_t* blocks;
  int64_t block_tokens;  // taken at once
  int64_t tokens;        // that exist
  int64_t first;
  int64_t rows;
  int64_t kv_heads;
  int64_t group;  // query heads of a KV head
  int64_t head_dim;
  float scale;
};

// Floats an attention needs for one thread.
int64_t PagedAttentionScratch(int64_t group, int64_t head_dim);

int64_t SequenceAttentionTasks(int64_t rows, int64_t group, int64_t kv_heads);
int64_t SequenceAttentionScratch(int64_t head_dim, int64_t block_tokens);

}  // namespace glyph::vlm::cpu
