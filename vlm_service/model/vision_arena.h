#pragma once
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "ATen/core/Tensor.h"
#include "vlm_service/scheduler/plan.h"

namespace glyph::vlm {

// Holds pages' vision outputs between encoding and release, in memory allocated once. A page takes
// any free rows, so that pages fit whenever their tokens do. Not thread-safe.
class VisionArena {
 public:
  VisionArena(int64_t max_tokens, int64_t hidden_size, at::ScalarType type);

  // Keeps a copy of `output` [tokens, hidden]. CHECK-fails when the page is held already or the
  // tokens do not fit.
  void Store(PageId page, const at::Tensor& output);

  // Copies the page's output to out [tokens, hidden]. CHECK-fails when the page is not held.
  void Load(PageId page, at::Tensor& out) const;

  // Forgets the page; nothing happens when it is not held.
  void Release(PageId page);

  int64_t reserved_bytes() const { return static_cast<int64_t>(rows_.nbytes()); }
  int64_t used_bytes() const;

 private:
  at::Tensor rows_;  // [max_tokens, hidden]
  std::vector<int32_t> free_;
  std::unordered_map<PageId, std::vector<int32_t>> pages_;  // rows of each page
};

}  // namespace glyph::vlm
