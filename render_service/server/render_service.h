#pragma once
#include <atomic>

#include "absl/time/time.h"
#include "glyph/v1/render.grpc.pb.h"
#include "render_service/layout/profile_catalog.h"
#include "render_service/pipeline/worker_pool.h"
#include "render_service/server/quarantine.h"

namespace glyph::render {

// Longest time a call may take, also when its client set no deadline or a later one.
inline constexpr absl::Duration kMaxCallTime = absl::Minutes(10);

// glyph.v1.RenderService. Thread-safe.
class RenderServiceImpl final : public v1::RenderService::CallbackService {
 public:
  // `catalog`, `pool` and `quarantine` outlive the service.
  RenderServiceImpl(const ProfileCatalog& catalog, WorkerPool& pool, Quarantine& quarantine,
                    absl::Duration max_call_time = kMaxCallTime);

  grpc::ServerBidiReactor<v1::RenderRequest, v1::RenderResponse>* Render(
      grpc::CallbackServerContext* context) override;

  // Refuses calls from now on (UNAVAILABLE DRAINING, with a retry delay); running ones go on.
  void Drain() { is_draining_ = true; }

 private:
  const ProfileCatalog& catalog_;
  WorkerPool& pool_;
  Quarantine& quarantine_;
  const absl::Duration max_call_time_;
  const base::Sha256Digest build_fingerprint_;
  std::atomic<bool> is_draining_ = false;
};

}  // namespace glyph::render
