#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace glyph::vlm {

// Element types of a safetensors file that fill whole bytes.
enum class DType {
  kBool,
  kU8,
  kI8,
  kF8E4M3,
  kF8E5M2,
  kU16,
  kI16,
  kF16,
  kBF16,
  kU32,
  kI32,
  kF32,
  kU64,
  kI64,
  kF64,
};

// Bytes of one element.
int64_t DTypeSize(DType dtype);

// The name safetensors gives it, e.g. "BF16".
const char* DTypeName(DType dtype);

// nullopt for a name that is none of the above.
std::optional<DType> DTypeFromName(std::string_view name);

}  // namespace glyph::vlm
