#pragma once
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "ATen/core/Tensor.h"
#include "vlm_service/ops/ops.h"
#include "vlm_service/scheduler/plan.h"

namespace glyph::vlm {

// Holds pages' vision outputs from the start of their encoding to their release, in memory
// allocated once. A page takes any free rows, so that pages fit whenever their tokens do. Not
// thread-safe.
class VisionArena {
 public:
  VisionArena(int64_t max_tokens, int64_t hidden_size, at::ScalarType type, Ops& ops);

  // Takes room for the page. CHECK-fails when the page is held already or its tokens do not fit.
  void Reserve(PageId page, int64_t num_tokens);

  // Keeps a copy of `output` [tokens, hidden]: the page's rows after those stored before.
  void Append(PageId page, const at::Tensor& output);

  // Copies the page's rows from `first_row` on to out [rows, hidden] of float32. CHECK-fails when
  // they were not stored.
  void Load(PageId page, int64_t first_row, at::Tensor& out);

  // Forgets the page; nothing happens when it is not held.
  void Release(PageId page);

  int64_t reserved_bytes() const { return static_cast<int64_t>(rows_.nbytes()); }
  int64_t used_bytes() const;

 private:
  struct Page {
    std::vector<int32_t> rows;
    size_t num_stored = 0;
  };

  Ops& ops_;
  at::Tensor rows_;  // [max_tokens, hidden]
  std::vector<int32_t> free_;
  std::unordered_map<PageId, Page> pages_;
};

}  // namespace glyph::vlm
