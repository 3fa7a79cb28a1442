#include "gateway/http/http_message.h"

#include "nlohmann/json.hpp"

namespace glyph::gateway {

HttpResponse JsonError(int status, const std::string& reason, const std::string& message) {
  const nlohmann::ordered_json body = {{"error", {{"reason", reason}, {"message", message}}}};
  return {status, "application/json", body.dump() + "\n", {}};
}

}  // namespace glyph::gateway
