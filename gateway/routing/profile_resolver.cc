#include "gateway/routing/profile_resolver.h"

#include <utility>

#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

absl::StatusOr<v1::RenderOptions> WithModelProfile(v1::RenderOptions options,
                                                   const v1::Model& model,
                                                   const std::string& default_profile) {
  if (!model.render_profile_json().empty()) {
    options.set_profile_json(model.render_profile_json());
    return options;
  }
  if (!default_profile.empty()) {
    options.set_profile(default_profile);
    return options;
  }
  return rpc::MakeError(
      absl::StatusCode::kFailedPrecondition,
      {.reason = "PROFILE_UNKNOWN", .field = "render.profile", .retry_after = {}},
      "the model does not say which render profile it was trained on; name one in render.profile, "
      "or start glyph-gateway with --profile NAME");
}

}  // namespace

ProfileResolver::ProfileResolver(ModelCache& models, std::string default_profile)
    : models_(models), default_profile_(std::move(default_profile)) {}

void ProfileResolver::Resolve(v1::RenderOptions options, absl::Time deadline, Callback done) {
  if (!options.profile().empty()) return done(std::move(options));
  models_.Get(deadline, [options = std::move(options), default_profile = default_profile_,
                         done = std::move(done)](const absl::StatusOr<v1::Model>& model) {
    if (!model.ok()) return done(model.status());
    done(WithModelProfile(options, *model, default_profile));
  });
}

}  // namespace glyph::gateway
