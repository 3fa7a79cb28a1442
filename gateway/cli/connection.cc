#include "gateway/cli/connection.h"

#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "proto/rpc/error.h"
#include "proto/rpc/server_runner.h"
#include "proto/rpc/status_conversion.h"

namespace glyph::gateway::cli {

std::unique_ptr<v1::GlyphService::Stub> Connect(const std::string& server) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(rpc::kMaxReceivedMessageBytes);
  return v1::GlyphService::NewStub(
      grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments));
}

absl::Status CallStatus(const grpc::Status& status, const std::string& server) {
  return CallStatus(rpc::FromGrpcStatus(status), server);
}

absl::Status CallStatus(const absl::Status& status, const std::string& server) {
  const bool from_transport = rpc::GetErrorDetails(status).reason.empty();
  if (absl::IsUnavailable(status) && from_transport) {
    return rpc::Unavailable("NO_GATEWAY", absl::Seconds(1),
                            absl::StrCat("no gateway answers at ", server,
                                         "; start glyph-gateway, or name its address with "
                                         "--server"));
  }
  return status;
}

}  // namespace glyph::gateway::cli
