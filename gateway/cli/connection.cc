#include "gateway/cli/connection.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/client_interceptor.h"
#include "proto/rpc/error.h"
#include "proto/rpc/server_runner.h"
#include "proto/rpc/status_conversion.h"

namespace glyph::gateway::cli {

namespace {

// Adds the key to the metadata of one call. (gRPC's own call credentials need TLS.)
class KeySender final : public grpc::experimental::Interceptor {
 public:
  explicit KeySender(const std::string& api_key) : authorization_("Bearer " + api_key) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    using grpc::experimental::InterceptionHookPoints;
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->insert({"authorization", authorization_});
    }
    methods->Proceed();
  }

 private:
  const std::string authorization_;
};

class KeySenderFactory final : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit KeySenderFactory(std::string api_key) : api_key_(std::move(api_key)) {}

  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo* /*info*/) override {
    return new KeySender(api_key_);  // gRPC owns it
  }

 private:
  const std::string api_key_;
};

}  // namespace

std::unique_ptr<v1::GlyphService::Stub> Connect(const std::string& server,
                                                const std::string& api_key) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(rpc::kMaxReceivedMessageBytes);
  // How long something that listens but speaks no gRPC keeps a person waiting; gRPC's own is 20 s.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> senders;
  if (!api_key.empty()) senders.push_back(std::make_unique<KeySenderFactory>(api_key));
  return v1::GlyphService::NewStub(grpc::experimental::CreateCustomChannelWithInterceptors(
      server, grpc::InsecureChannelCredentials(), arguments, std::move(senders)));
}

absl::Status CallStatus(const grpc::Status& status, const std::string& server) {
  return CallStatus(rpc::FromGrpcStatus(status), server);
}

absl::Status CallStatus(const absl::Status& status, const std::string& server) {
  const bool from_transport = rpc::GetErrorDetails(status).reason.empty();
  // UNIMPLEMENTED: gRPC is spoken there, but not by a gateway. A gateway has reasons of its own.
  const bool is_no_gateway = absl::IsUnavailable(status) || absl::IsUnimplemented(status) ||
                             absl::IsDeadlineExceeded(status);
  if (is_no_gateway && from_transport) {
    return rpc::Unavailable("NO_GATEWAY", absl::Seconds(1),
                            absl::StrCat("no gateway answers at ", server,
                                         "; start glyph-gateway, or name its address with "
                                         "--server"));
  }
  return status;
}

}  // namespace glyph::gateway::cli
