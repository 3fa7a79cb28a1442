#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "vlm_service/weights/dtype.h"

namespace glyph::vlm {

// Largest JSON header of a safetensors file, bytes (the format's own limit).
inline constexpr uint64_t kMaxHeaderBytes = 100'000'000;

// One tensor of a file, checked: its bytes lie inside the file, start at a multiple of its element
// size and are exactly as many as shape and dtype say.
struct TensorEntry {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  uint64_t begin = 0;  // byte offset from the start of the file
  uint64_t end = 0;    // half-open
};

// Reads the header of a whole safetensors file (huggingface/safetensors, tensor.rs): eight bytes of
// length, little-endian, then JSON, then the tensors without gap or overlap to the last byte.
// Stricter than that reference: duplicate keys, unknown fields and unaligned tensors are refused,
// and every length is checked before it is used. Tensors come in the order of their bytes.
// INVALID_ARGUMENT names `file_name`, the tensor, and what was expected and found.
absl::StatusOr<std::vector<TensorEntry>> ParseSafetensorsHeader(std::span<const std::byte> file,
                                                                const std::string& file_name);

}  // namespace glyph::vlm
