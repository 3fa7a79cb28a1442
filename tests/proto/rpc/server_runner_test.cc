#include "proto/rpc/server_runner.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "glyph/v1/gateway.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/rpc/error.h"

namespace glyph::rpc {
namespace {

using grpc::health::v1::HealthCheckResponse;

ServerOptions OnPort(int port) {
  ServerOptions options;
  options.port = port;
  return options;
}

ServerOptions WithDrain(absl::Duration drain) {
  ServerOptions options;
  options.drain = drain;
  return options;
}

ServerOptions Named(const std::string& service_name) {
  ServerOptions options;
  options.service_name = service_name;
  return options;
}

std::shared_ptr<grpc::Channel> ChannelTo(const ServerRunner& server) {
  return grpc::CreateChannel("127.0.0.1:" + std::to_string(server.port()),
                             grpc::InsecureChannelCredentials());
}

HealthCheckResponse::ServingStatus HealthOf(const ServerRunner& server,
                                            const std::string& service) {
  auto stub = grpc::health::v1::Health::NewStub(ChannelTo(server));
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckRequest request;
  HealthCheckResponse response;
  request.set_service(service);
  const grpc::Status status = stub->Check(&context, request, &response);
  if (status.error_code() == grpc::StatusCode::NOT_FOUND) {
    return HealthCheckResponse::SERVICE_UNKNOWN;
  }
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.status();
}

// Holds every GetStatus call until the test ends it, or until the call is cancelled.
class HoldingService : public glyph::v1::GlyphService::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext*,
                                      const glyph::v1::GetStatusRequest*,
                                      glyph::v1::GetStatusResponse*) override {
    auto* call = new Call;
    started_.set_value(call);
    return call;
  }

  // Waits for the call to arrive.
  grpc::ServerUnaryReactor* call() { return started_.get_future().get(); }

 private:
  class Call : public grpc::ServerUnaryReactor {
    void OnCancel() override { Finish(grpc::Status::CANCELLED); }
    void OnDone() override { delete this; }
  };

  std::promise<grpc::ServerUnaryReactor*> started_;
};

std::future<grpc::Status> CallGetStatus(const ServerRunner& server) {
  return std::async(std::launch::async, [channel = ChannelTo(server)] {
    grpc::ClientContext context;
    glyph::v1::GetStatusResponse response;
    return glyph::v1::GlyphService::NewStub(channel)->GetStatus(&context, {}, &response);
  });
}

TEST(ServerRunnerTest, RefusesAPortThatIsTakenAndNamesIt) {
  HoldingService service;
  auto first = ServerRunner::Start({}, {&service});
  ASSERT_TRUE(first.ok()) << first.status();
  const int taken = (*first)->port();
  ASSERT_GT(taken, 0);

  HoldingService other;
  const auto second = ServerRunner::Start(OnPort(taken), {&other});

  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(GetErrorDetails(second.status()).reason, "PORT_TAKEN");
  EXPECT_NE(second.status().message().find(std::to_string(taken)), absl::string_view::npos);
}

TEST(ServerRunnerTest, HealthFollowsSetServingForTheServerAndItsService) {
  HoldingService service;
  auto server = ServerRunner::Start(Named("glyph.v1.GlyphService"), {&service});
  ASSERT_TRUE(server.ok()) << server.status();

  for (const char* name : {"", "glyph.v1.GlyphService"}) {
    (*server)->SetServing(false);
    EXPECT_EQ(HealthOf(**server, name), HealthCheckResponse::NOT_SERVING);
    (*server)->SetServing(true);
    EXPECT_EQ(HealthOf(**server, name), HealthCheckResponse::SERVING);
  }
  EXPECT_EQ(HealthOf(**server, "glyph.v1.Other"), HealthCheckResponse::SERVICE_UNKNOWN);
}

TEST(ServerRunnerTest, IsNotServingUntilTold) {
  HoldingService service;
  auto server = ServerRunner::Start({}, {&service});
  ASSERT_TRUE(server.ok()) << server.status();
  EXPECT_EQ(HealthOf(**server, ""), HealthCheckResponse::NOT_SERVING);
}

TEST(ServerRunnerTest, StopLetsARunningCallEnd) {
  HoldingService service;
  auto server = ServerRunner::Start(WithDrain(absl::Seconds(60)), {&service});
  ASSERT_TRUE(server.ok()) << server.status();
  std::future<grpc::Status> call = CallGetStatus(**server);
  grpc::ServerUnaryReactor* held = service.call();

  std::thread stopping([&] { (*server)->Stop(); });
  held->Finish(grpc::Status::OK);

  EXPECT_TRUE(call.get().ok());
  stopping.join();
}

TEST(ServerRunnerTest, StopCancelsWhatRunsLongerThanTheDrain) {
  HoldingService service;
  auto server = ServerRunner::Start(WithDrain(absl::ZeroDuration()), {&service});
  ASSERT_TRUE(server.ok()) << server.status();
  std::future<grpc::Status> call = CallGetStatus(**server);
  service.call();

  (*server)->Stop();

  EXPECT_FALSE(call.get().ok());
}

// Signals belong to the process, so these run in one of their own.
class ServerRunnerSignalTest : public testing::Test {
 protected:
  ServerRunnerSignalTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST(ServerRunnerTest, RefusesCompressedMessages) {
  for (const auto algorithm : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    HoldingService service;
    auto server = ServerRunner::Start({}, {&service});
    ASSERT_TRUE(server.ok()) << server.status();

    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    context.set_compression_algorithm(algorithm);
    glyph::v1::GetStatusResponse response;
    auto stub = glyph::v1::GlyphService::NewStub(ChannelTo(**server));
    const grpc::Status status = stub->GetStatus(&context, {}, &response);

    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << status.error_message();
  }
}

// Ends with 0 when, after on_drain, a new call hears that health is NOT_SERVING while the held call
// still runs, and when that call then ends well.
[[noreturn]] void DrainOnSignal(int signal) {
  BlockStopSignals();
  HoldingService service;
  auto server = ServerRunner::Start(WithDrain(absl::Seconds(60)), {&service});
  (*server)->SetServing(true);
  std::future<grpc::Status> call = CallGetStatus(**server);
  grpc::ServerUnaryReactor* held = service.call();
  kill(getpid(), signal);
  std::future<bool> drained;
  (*server)->RunUntilStopped([&] {
    drained = std::async(std::launch::async, [&] {
      const bool not_serving = HealthOf(**server, "") == HealthCheckResponse::NOT_SERVING;
      held->Finish(grpc::Status::OK);
      return not_serving;
    });
  });
  _exit(drained.get() && call.get().ok() ? 0 : 3);
}

TEST_F(ServerRunnerSignalTest, DrainsOnSigterm) {
  EXPECT_EXIT(DrainOnSignal(SIGTERM), testing::ExitedWithCode(0), "stopping");
}

TEST_F(ServerRunnerSignalTest, DrainsOnSigint) {
  EXPECT_EXIT(DrainOnSignal(SIGINT), testing::ExitedWithCode(0), "stopping");
}

// Ends with 0 when a lingering server says NOT_SERVING and still takes a call.
[[noreturn]] void LingerOnSignal() {
  BlockStopSignals();
  HoldingService service;
  ServerOptions options;
  options.linger = absl::Seconds(3);
  auto server = ServerRunner::Start(options, {&service});
  (*server)->SetServing(true);
  std::atomic<bool> draining = false;
  std::future<bool> taken = std::async(std::launch::async, [&] {
    while (HealthOf(**server, "") == HealthCheckResponse::SERVING) std::this_thread::yield();
    std::future<grpc::Status> call = CallGetStatus(**server);
    service.call()->Finish(grpc::Status::OK);
    return call.get().ok() && !draining;
  });
  kill(getpid(), SIGTERM);
  (*server)->RunUntilStopped([&] { draining = true; });
  _exit(taken.get() ? 0 : 3);
}

TEST_F(ServerRunnerSignalTest, LingersBeforeItDrains) {
  EXPECT_EXIT(LingerOnSignal(), testing::ExitedWithCode(0), "stopping");
}

// Ends with 0 when an open health watch does not hold the drain of an idle server.
[[noreturn]] void DrainBesideAHealthWatch() {
  BlockStopSignals();
  HoldingService service;
  auto server = ServerRunner::Start(WithDrain(absl::Seconds(60)), {&service});
  grpc::ClientContext context;
  auto stub = grpc::health::v1::Health::NewStub(ChannelTo(**server));
  const auto watch = stub->Watch(&context, {});
  HealthCheckResponse response;
  const bool watched = watch->Read(&response);
  kill(getpid(), SIGTERM);
  const absl::Time begun = absl::Now();
  (*server)->RunUntilStopped([] {});
  _exit(watched && absl::Now() - begun < absl::Seconds(30) ? 0 : 3);
}

TEST_F(ServerRunnerSignalTest, AHealthWatchDoesNotHoldTheDrain) {
  EXPECT_EXIT(DrainBesideAHealthWatch(), testing::ExitedWithCode(0), "stopping");
}

[[noreturn]] void TakeTwoSignals() {
  BlockStopSignals();
  HoldingService service;
  auto server = ServerRunner::Start({}, {&service});
  kill(getpid(), SIGTERM);
  (*server)->RunUntilStopped([] {
    kill(getpid(), SIGINT);
    std::promise<void>().get_future().wait();  // a drain that never ends
  });
  _exit(0);
}

TEST_F(ServerRunnerSignalTest, ASecondSignalEndsTheProcessWithOne) {
  EXPECT_EXIT(TakeTwoSignals(), testing::ExitedWithCode(1), "stopping");
}

TEST(AnnouncePortsTest, PrintsOneJsonLineWithEveryPort) {
  testing::internal::CaptureStdout();
  AnnouncePorts({{"http", 8080}, {"grpc", 8081}});
  const std::string out = testing::internal::GetCapturedStdout();

  ASSERT_FALSE(out.empty());
  EXPECT_EQ(out.find('\n'), out.size() - 1);
  const auto line = nlohmann::json::parse(out);
  EXPECT_EQ(line["event"], "listening");
  EXPECT_EQ(line["ports"]["http"], 8080);
  EXPECT_EQ(line["ports"]["grpc"], 8081);
  EXPECT_EQ(line["pid"], getpid());
  EXPECT_EQ(line["version"], GLYPH_VERSION);
}

}  // namespace
}  // namespace glyph::rpc
