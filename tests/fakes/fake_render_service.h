#pragma once
#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "glyph/v1/render.grpc.pb.h"
#include "grpcpp/server_context.h"
#include "proto/base/mutex.h"
#include "proto/rpc/server_runner.h"

namespace glyph::fakes {

// render_service without a renderer, on a free port of 127.0.0.1: each form-feed-separated piece of
// the text becomes a blank 56x56 page in two strips; white space alone is an empty document; an
// image is one page. Can stop or fail after any number of events. Thread-safe.
class FakeRenderService final : public v1::RenderService::CallbackService {
 public:
  static constexpr size_t kNever = std::numeric_limits<size_t>::max();

  // What the next calls do.
  struct Behaviour {
    size_t hang_after = kNever;  // events sent before it waits for the client to cancel
    size_t fail_after = kNever;  // events sent before it ends with `error`
    grpc::Status error;
  };

  // `port`: 0, or that of a service that was stopped.
  explicit FakeRenderService(int port = 0);
  ~FakeRenderService() override;

  void SetBehaviour(Behaviour behaviour) GLYPH_EXCLUDES(mutex_);
  void SetServing(bool serving);

  std::string address() const;
  // Start messages so far, in order.
  std::vector<v1::RenderStart> starts() const GLYPH_EXCLUDES(mutex_);
  // The source of the call that came last, complete.
  std::string last_source() const GLYPH_EXCLUDES(mutex_);
  // False when no `count` calls were cancelled within ten seconds.
  bool WaitForCancelled(int count) GLYPH_EXCLUDES(mutex_);

 private:
  class Call;
  grpc::ServerBidiReactor<v1::RenderRequest, v1::RenderResponse>* Render(
      grpc::CallbackServerContext* context) override;

  mutable base::Mutex mutex_;
  base::CondVar changed_;
  Behaviour behaviour_ GLYPH_GUARDED_BY(mutex_);
  std::vector<v1::RenderStart> starts_ GLYPH_GUARDED_BY(mutex_);
  std::string last_source_ GLYPH_GUARDED_BY(mutex_);
  int num_cancelled_ GLYPH_GUARDED_BY(mutex_) = 0;
  std::unique_ptr<rpc::ServerRunner> server_;
};

}  // namespace glyph::fakes
