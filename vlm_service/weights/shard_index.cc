#include "vlm_service/weights/shard_index.h"

#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "proto/base/json.h"

namespace glyph::vlm {
namespace {

constexpr size_t kMaxIndexBytes = 100'000'000;

bool IsPlainFileName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

}  // namespace

absl::StatusOr<ShardIndex> ParseShardIndex(std::span<const std::byte> file,
                                           const std::string& file_name) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  const auto json = base::ParseJson(text, {.max_bytes = kMaxIndexBytes});
  if (!json.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(file_name, ": ", json.status().message()));
  }
  const auto map = json->is_object() ? json->find("weight_map") : json->end();
  if (map == json->end() || !map->is_object() || map->empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_name, ": weight_map is not an object with at least one tensor"));
  }
  ShardIndex shards;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string() || !IsPlainFileName(shard.get_ref<const std::string&>())) {
      return absl::InvalidArgumentError(absl::StrCat(file_name, ": the shard of tensor '",
                                                     absl::CHexEscape(tensor),
                                                     "' is not a plain file name"));
    }
    shards[shard.get<std::string>()].push_back(tensor);
  }
  return shards;
}

}  // namespace glyph::vlm
