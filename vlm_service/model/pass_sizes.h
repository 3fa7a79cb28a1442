#pragma once
#include <cstdint>

#include "vlm_service/model/model_config.h"

namespace glyph::vlm {

// The largest passes that memory on a GPU is planned for.
struct PassLimits {
  int64_t chunk_tokens = 0;  // of a prefill chunk
  int64_t decode_rows = 0;   // of a batch, padding included
  int64_t page_tokens = 0;   // image tokens of a page
  int64_t unit_tokens = 0;   // image tokens of a unit of a page
  int64_t wide_rows = 0;     // Ops::WideRows
  int64_t value_bytes = 0;   // of the model's type
};

// Patches of `tokens` image tokens.
int64_t PatchesOf(const VisionConfig& config, int64_t tokens);

// Values of the model's type that the intermediate tensors of any pass take at once.
int64_t ScratchValues(const ModelConfig& config, const PassLimits& limits);

// Values that a page takes from its first unit to its last.
int64_t PageValues(const VisionConfig& config, int64_t page_tokens);

// Bytes of the tables of cosines and sines, kept beside the weights.
int64_t RotaryBytes(const ModelConfig& config);

}  // namespace glyph::vlm
