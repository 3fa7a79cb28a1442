#pragma once
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace glyph::vlm {

// Names of the tensors each shard file must hold.
using ShardIndex = std::map<std::string, std::vector<std::string>>;

// Reads `model.safetensors.index.json`: {"weight_map": {tensor: file}}; the rest is ignored.
// INVALID_ARGUMENT: not such JSON, over 100 MB, an empty map, or a shard that is not a plain file
// name (it could lead out of the model folder).
absl::StatusOr<ShardIndex> ParseShardIndex(std::span<const std::byte> file,
                                           const std::string& file_name);

}  // namespace glyph::vlm
