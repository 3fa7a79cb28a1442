#pragma once
#include <functional>
#include <string>
#include <vector>

#include "tests/vlm_service/server/server_fixture.h"

namespace glyph::vlm {

// One broken call: what is sent (each offer's answer is awaited) before the half-close, and the
// error it must get.
struct BadCall {
  std::string name;
  std::vector<v1::GenerateRequest> messages;
  absl::StatusCode code = absl::StatusCode::kInvalidArgument;
  std::string reason;
  std::string field;
};

// A start that `edit` spoils; `field` is below "start.".
BadCall BadStart(std::string name, const std::function<void(v1::GenerateStart&)>& edit,
                 std::string reason, const std::string& field);

class BadInputFixture : public ServerFixture {
 protected:
  // Every call gets its error, and the server is none the worse for it.
  void ExpectRefused(const std::vector<BadCall>& calls);

 private:
  absl::Status Run(const BadCall& call);
};

}  // namespace glyph::vlm
