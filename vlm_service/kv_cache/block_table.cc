#include "vlm_service/kv_cache/block_table.h"

#include <span>

#include "proto/base/check.h"

namespace glyph::vlm {

std::optional<BlockTable> BlockTable::TryAllocate(BlockPool& pool, int32_t count) {
  auto blocks = pool.TryAllocate(count);
  if (!blocks) return std::nullopt;
  return BlockTable(pool, *std::move(blocks));
}

void BlockTable::ShrinkTo(int32_t count) {
  GLYPH_CHECK(count >= 0 && count <= size());
  if (count == size()) return;
  pool_->Release(std::span(blocks_).subspan(static_cast<size_t>(count)));
  blocks_.resize(static_cast<size_t>(count));
}

}  // namespace glyph::vlm
