#include "render_service/server/render_service.h"

#include "render_service/fonts/build_fingerprint.h"
#include "render_service/server/render_call.h"

namespace glyph::render {

RenderServiceImpl::RenderServiceImpl(const ProfileCatalog& catalog, WorkerPool& pool,
                                     Quarantine& quarantine, absl::Duration max_call_time)
    : catalog_(catalog),
      pool_(pool),
      quarantine_(quarantine),
      max_call_time_(max_call_time),
      build_fingerprint_(BuildFingerprint()) {}

grpc::ServerBidiReactor<v1::RenderRequest, v1::RenderResponse>* RenderServiceImpl::Render(
    grpc::CallbackServerContext* context) {
  return new RenderCall({.context = context,
                         .catalog = catalog_,
                         .pool = pool_,
                         .quarantine = quarantine_,
                         .max_time = max_call_time_,
                         .build_fingerprint = build_fingerprint_,
                         .is_draining = is_draining_});
}

}  // namespace glyph::render
