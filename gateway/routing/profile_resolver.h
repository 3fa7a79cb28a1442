#pragma once
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gateway/routing/model_cache.h"
#include "glyph/v1/render.pb.h"

namespace glyph::gateway {

// Decides under which render profile a document is drawn: the one the request names, else the one
// the model was trained on, else the operator's default (--profile). `models` outlives it.
// Thread-safe.
class ProfileResolver {
 public:
  using Callback = std::function<void(absl::StatusOr<v1::RenderOptions>)>;

  ProfileResolver(ModelCache& models, std::string default_profile);

  // Completes `options`; `done` runs once, at once or on any thread. FAILED_PRECONDITION
  // (PROFILE_UNKNOWN): none of the three names a profile. vlm_service's errors pass.
  void Resolve(v1::RenderOptions options, absl::Time deadline, Callback done);

 private:
  ModelCache& models_;
  const std::string default_profile_;
};

}  // namespace glyph::gateway
