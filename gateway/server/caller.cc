#include "gateway/server/caller.h"

#include <string_view>
#include <vector>

namespace glyph::gateway {

absl::StatusOr<Caller> CallerOf(KeyRing& keys, const grpc::ServerContextBase& context) {
  std::vector<std::string_view> values;
  const auto [begin, end] = context.client_metadata().equal_range("authorization");
  for (auto it = begin; it != end; ++it) values.emplace_back(it->second.data(), it->second.size());
  return keys.Authenticate(values);
}

}  // namespace glyph::gateway
