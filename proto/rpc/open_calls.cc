#include "proto/rpc/open_calls.h"

#include <chrono>

#include "absl/strings/match.h"

namespace glyph::rpc {

// Lives as long as its call.
class OpenCalls::CountedCall final : public grpc::experimental::Interceptor {
 public:
  explicit CountedCall(OpenCalls& calls) : calls_(calls) { calls_.Add(1); }
  ~CountedCall() override { calls_.Add(-1); }
  CountedCall(const CountedCall&) = delete;
  CountedCall& operator=(const CountedCall&) = delete;

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    methods->Proceed();
  }

 private:
  OpenCalls& calls_;
};

class OpenCalls::Counter final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit Counter(OpenCalls& calls) : calls_(calls) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    if (absl::StartsWith(info->method(), "/grpc.")) return nullptr;
    return new CountedCall(calls_);  // gRPC owns it
  }

 private:
  OpenCalls& calls_;
};

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> OpenCalls::MakeCounter() {
  return std::make_unique<Counter>(*this);
}

void OpenCalls::WaitUntilNone(absl::Duration limit) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point deadline = Clock::now() + absl::ToChronoNanoseconds(limit);
  base::MutexLock lock(mutex_);
  while (num_open_ > 0 && Clock::now() < deadline) {
    none_.WaitFor(mutex_, deadline - Clock::now());
  }
}

void OpenCalls::Add(int calls) {
  base::MutexLock lock(mutex_);
  num_open_ += calls;
  if (num_open_ == 0) none_.NotifyAll();
}

}  // namespace glyph::rpc
