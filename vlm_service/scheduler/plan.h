#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "vlm_service/kv_cache/block_id.h"
#include "vlm_service/prompt/page_image.h"
#include "vlm_service/prompt/prompt.h"
#include "vlm_service/sampling/sampling_params.h"

namespace glyph::vlm {

// A place in the executor's per-sequence state (last token, history for penalties, block table),
// 0 .. ExecutorLimits::max_slots - 1. The scheduler hands it out; it is free again once released.
enum class SequenceSlot : int32_t {};

// Names the vision output of one page while the executor holds it. Never reused.
enum class PageId : int64_t {};

// Encode one page; the output is held under `page` until a plan releases it.
struct VisionWork {
  PageId page;
  std::shared_ptr<const PageImage> image;
  PageGrid grid;
};

// Run a whole prompt and choose its first output token. `pages` were encoded by earlier plans (or
// by this one: vision work runs first) and match prompt->pages one to one.
struct PrefillWork {
  SequenceSlot slot;
  std::shared_ptr<const Prompt> prompt;
  std::vector<PageId> pages;
  std::vector<BlockId> blocks;  // enough for the prompt and every output token
  SamplingParams sampling;
  bool return_logits = false;  // for this sequence, in every result (tools only)
};

// Feed the slot's last token and choose the next one. The token's value is the executor's affair,
// so that a plan can be made before the host has seen it.
struct DecodeWork {
  SequenceSlot slot;
  int64_t kv_length = 0;  // tokens in the cache before this one; it is written at this index
  int32_t position = 0;   // on all three axes
};

// What one step does, in this order: releases, vision, prefill, decode. A slot is in at most one of
// prefill and decode.
struct StepPlan {
  std::vector<SequenceSlot> released_slots;
  std::vector<PageId> released_pages;
  std::vector<VisionWork> vision;
  std::vector<PrefillWork> prefill;
  std::vector<DecodeWork> decode;

  bool empty() const {
    return released_slots.empty() && released_pages.empty() && vision.empty() && prefill.empty() &&
           decode.empty();
  }
};

// The token a prefill or decode row chose.
struct SampledToken {
  SequenceSlot slot;
  int32_t token = 0;
  bool finite = true;         // false: the logits held NaN or Inf, `token` means nothing
  std::vector<float> logits;  // [vocab_size] before any penalty, only with return_logits
};

// What one step did.
struct StepResult {
  std::vector<SampledToken> tokens;  // prefill rows, then decode rows, in the plan's order
  double vision_ms = 0;
  double prefill_ms = 0;
  double decode_ms = 0;
};

}  // namespace glyph::vlm
