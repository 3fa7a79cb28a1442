#include "vlm_service/model/vision_arena.h"

#include <numeric>
#include <span>
#include <utility>

namespace glyph::vlm {

VisionArena::VisionArena(int64_t max_tokens, int64_t hidden_size, at::ScalarType type, Ops& ops)
    : ops_(ops), rows_(ops.Allocate("vision", {max_tokens, hidden_size}, type)), free_(max_tokens) {
  std::iota(free_.rbegin(), free_.rend(), 0);
}

void VisionArena::Reserve(PageId page, int64_t num_tokens) {
  const auto count = static_cast<size_t>(num_tokens);
  TORCH_CHECK(!pages_.contains(page), "a page was encoded twice under one id");
  TORCH_CHECK(count <= free_.size(), "vision arena: ", count, " tokens, free ", free_.size());
  std::vector<int32_t> rows(free_.end() - static_cast<ptrdiff_t>(count), free_.end());
  pages_.emplace(page, Page{.rows = std::move(rows)});
  free_.resize(free_.size() - count);
}

void VisionArena::Append(PageId page, const at::Tensor& output) {
  const auto it = pages_.find(page);
  TORCH_CHECK(it != pages_.end(), "a page has no room for its output");
  Page& held = it->second;
  const auto count = static_cast<size_t>(output.size(0));
  TORCH_CHECK(held.num_stored + count <= held.rows.size(), "a page's output outgrows its grid");
  ops_.ScatterRows(rows_, ops_.Stage(std::span(held.rows).subspan(held.num_stored, count)), output);
  held.num_stored += count;
}

void VisionArena::Load(PageId page, int64_t first_row, at::Tensor& out) {
  const auto it = pages_.find(page);
  TORCH_CHECK(it != pages_.end(), "a prompt's page was not encoded");
  const Page& held = it->second;
  const auto first = static_cast<size_t>(first_row);
  const auto count = static_cast<size_t>(out.size(0));
  TORCH_CHECK(first + count <= held.num_stored,
              "rows of a page were read before they were encoded");
  ops_.GatherRows(out, rows_, ops_.Stage(std::span(held.rows).subspan(first, count)));
}

void VisionArena::Release(PageId page) {
  const auto it = pages_.find(page);
  if (it == pages_.end()) return;
  free_.insert(free_.end(), it->second.rows.begin(), it->second.rows.end());
  pages_.erase(it);
}

int64_t VisionArena::used_bytes() const {
  const int64_t used = rows_.size(0) - static_cast<int64_t>(free_.size());
  return used * rows_.size(1) * static_cast<int64_t>(rows_.element_size());
}

}  // namespace glyph::vlm
