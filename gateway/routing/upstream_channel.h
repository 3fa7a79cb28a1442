#pragma once
#include <memory>
#include <string>

#include "grpcpp/channel.h"

namespace glyph::gateway {

// How much of a stream nobody reads gRPC takes from the peer: kSmall 64 KiB; kGrowing as much as
// the connection carries in a round trip, which for a fast peer becomes megabytes.
enum class StreamWindow { kSmall, kGrowing };

// A channel that notices a dead peer within 15 s (keepalive 10 s + 5 s), reconnects at least every
// 2 s and receives at most 20 MiB. Returns at once; the peer may be down.
std::shared_ptr<grpc::Channel> MakeUpstreamChannel(const std::string& address, StreamWindow window);

}  // namespace glyph::gateway
