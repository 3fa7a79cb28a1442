// What the gateway adds to a stream over HTTP: the time from a token's sending by a paced fake of
// vlm_service (50 tokens a second) to its arrival at a client, through the gateway and directly
// over gRPC, and the same for the first token from the request on. Prints medians in microseconds;
// ends with 1 when more is added than promised (1 ms to the first token, 200 us to each).
//   http_stream_bench            1 and 16 streams
//   http_stream_bench --serve    only the fake, unpaced, for other programs; ends with SIGTERM
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gateway/gateway.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "proto/base/mutex.h"
#include "tests/fakes/paced_vlm_service.h"

namespace glyph {
namespace {

using Clock = std::chrono::steady_clock;

constexpr absl::Duration kInterval = absl::Milliseconds(20);
constexpr size_t kServedTokenBytes = 1000;  // so that buffers fill up quickly
constexpr int kTokens = 50;
constexpr int kRounds = 8;
constexpr double kFirstLimit = 1000, kTokenLimit = 200;

struct Times {
  std::vector<double> first, token;  // microseconds
};

double Micros(int64_t since) {
  return static_cast<double>(Clock::now().time_since_epoch().count() - since) / 1000;
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// The text of a token, as far as `times` is concerned.
void Note(std::string_view text, int64_t start, Times& times) {
  int64_t sent = 0;
  if (!absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &sent)) return;
  if (times.first.empty()) times.first.push_back(Micros(start));
  times.token.push_back(Micros(sent));
}

Times AskDirectly(v1::VlmService::Stub& stub) {
  Times times;
  grpc::ClientContext context;
  v1::GenerateRequest request;
  request.mutable_start()->mutable_options()->set_max_tokens(kTokens);
  const int64_t start = Clock::now().time_since_epoch().count();
  auto stream = stub.Generate(&context);
  stream->Write(request);
  stream->WritesDone();
  v1::GenerateResponse response;
  while (stream->Read(&response)) {
    for (const v1::Token& token : response.tokens().tokens()) Note(token.text(), start, times);
  }
  stream->Finish();
  return times;
}

// One keep-alive connection, as clients have.
class HttpClient {
 public:
  explicit HttpClient(int port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
  }
  ~HttpClient() { close(socket_); }

  Times Ask() const {
    const std::string body = absl::StrCat(R"({"stream":true,"max_tokens":)", kTokens,
                                          R"(,"messages":[{"role":"user","content":"?"}]})");
    const std::string request = absl::StrCat(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
        "application/json\r\nContent-Length: ",
        body.size(), "\r\n\r\n", body);
    Times times;
    const int64_t start = Clock::now().time_since_epoch().count();
    send(socket_, request.data(), request.size(), MSG_NOSIGNAL);
    std::string received;
    char buffer[16384];
    while (received.find("0\r\n\r\n") == std::string::npos) {
      const ssize_t count = recv(socket_, buffer, sizeof buffer, 0);
      if (count <= 0) std::abort();
      received.append(buffer, static_cast<size_t>(count));
      TakeTokens(start, received, times);
    }
    return times;
  }

 private:
  // Notes the tokens of all whole events and drops them.
  static void TakeTokens(int64_t start, std::string& received, Times& times) {
    for (size_t end; (end = received.find("\n\n")) != std::string::npos;) {
      constexpr std::string_view kContent = "\"content\":\"";
      const size_t content = received.find(kContent);
      if (content < end) {
        const size_t begin = content + kContent.size();
        Note(std::string_view(received).substr(begin, received.find(' ', begin) - begin), start,
             times);
      }
      received.erase(0, end + 2);
    }
  }

  const int socket_;
};

// `num_streams` at once, kRounds times.
template <typename MakeAsk>
Times Measure(int num_streams, const MakeAsk& make_ask) {
  base::Mutex mutex;
  Times all;
  std::vector<std::thread> threads;
  for (int i = 0; i < num_streams; ++i) {
    threads.emplace_back([&] {
      const auto ask = make_ask();
      ask();  // warms the connection
      for (int round = 0; round < kRounds; ++round) {
        const Times times = ask();
        if (times.token.size() != kTokens) std::abort();
        base::MutexLock lock(mutex);
        all.first.insert(all.first.end(), times.first.begin(), times.first.end());
        all.token.insert(all.token.end(), times.token.begin(), times.token.end());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return all;
}

bool Compare(int num_streams, int http_port, v1::VlmService::Stub& stub) {
  const Times direct =
      Measure(num_streams, [&stub] { return [&stub] { return AskDirectly(stub); }; });
  const Times through = Measure(num_streams, [http_port] {
    return [client = std::make_shared<HttpClient>(http_port)] { return client->Ask(); };
  });
  const double first = Median(through.first) - Median(direct.first);
  const double token = Median(through.token) - Median(direct.token);
  std::printf(
      "%2d streams: first token %.0f us, %.0f directly, added %.0f; token %.0f us, %.0f directly, "
      "added %.0f\n",
      num_streams, Median(through.first), Median(direct.first), first, Median(through.token),
      Median(direct.token), token);
  return first <= kFirstLimit && token <= kTokenLimit;
}

int Run() {
  fakes::PacedVlmService vlm(kInterval);
  const std::string address = absl::StrCat("127.0.0.1:", vlm.server().port());
  gateway::GatewayOptions options;
  options.vlm_address = address;
  options.http_port = options.grpc_port = options.metrics_port = 0;
  const auto gateway = gateway::Gateway::Start(options);
  if (!gateway.ok()) return 2;
  const auto stub =
      v1::VlmService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  bool holds = true;
  for (const int num_streams : {1, 16}) {
    holds &= Compare(num_streams, (*gateway)->http_port(), *stub);
  }
  return holds ? 0 : 1;
}

int Serve() {
  rpc::BlockStopSignals();
  fakes::PacedVlmService vlm(absl::ZeroDuration(), kServedTokenBytes);
  rpc::AnnouncePorts({{"vlm", vlm.server().port()}});
  vlm.server().RunUntilStopped([] {});
  return 0;
}

}  // namespace
}  // namespace glyph

int main(int argc, char** argv) {
  return argc > 1 && std::string(argv[1]) == "--serve" ? glyph::Serve() : glyph::Run();
}
