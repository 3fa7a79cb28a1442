#pragma once
#include <memory>

#include "absl/time/time.h"
#include "grpcpp/support/server_interceptor.h"
#include "proto/base/mutex.h"

namespace glyph::rpc {

// Counts a server's running calls, those of gRPC's own services (health, reflection) left out: a
// health watch never ends by itself. Outlives the server. Thread-safe.
class OpenCalls {
 public:
  // For ServerBuilder::experimental().SetInterceptorCreators.
  std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeCounter();

  // Returns when no call runs, or after `limit`.
  void WaitUntilNone(absl::Duration limit) GLYPH_EXCLUDES(mutex_);

 private:
  class Counter;
  class CountedCall;

  void Add(int calls) GLYPH_EXCLUDES(mutex_);

  base::Mutex mutex_;
  base::CondVar none_;
  int num_open_ GLYPH_GUARDED_BY(mutex_) = 0;
};

}  // namespace glyph::rpc
