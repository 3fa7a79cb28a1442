#pragma once
#include <string>

#include "glyph/v1/gateway.pb.h"

namespace glyph::gateway::cli {

// glyph status: services, model, load and memory. Returns 0 when every service is ready, else 69.
int RunStatus(const std::string& server, const std::string& api_key, bool json);

// What `glyph status` prints, one fact a line.
std::string DescribeStatus(const v1::GetStatusResponse& status);

}  // namespace glyph::gateway::cli
