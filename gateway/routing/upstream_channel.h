#pragma once
#include <memory>
#include <string>

#include "grpcpp/channel.h"

namespace glyph::gateway {

// A channel that notices a dead peer within 15 s (keepalive 10 s + 5 s), reconnects at least every
// 2 s and receives at most 20 MiB. Returns at once; the peer may be down.
std::shared_ptr<grpc::Channel> MakeUpstreamChannel(const std::string& address);

}  // namespace glyph::gateway
