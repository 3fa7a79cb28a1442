#include "gateway/routing/model_cache.h"

#include <utility>

namespace glyph::gateway {

ModelCache::ModelCache(VlmClient& vlm) : vlm_(vlm), state_(std::make_shared<State>()) {}

void ModelCache::Get(absl::Time deadline, VlmClient::ModelCallback done) {
  std::shared_ptr<const v1::Model> known;
  int64_t generation = 0;
  {
    base::MutexLock lock(state_->mutex);
    known = state_->model;
    generation = state_->generation;
  }
  if (known != nullptr) return done(*known);
  vlm_.GetModel(deadline, [state = state_, generation,
                           done = std::move(done)](absl::StatusOr<v1::Model> model) {
    if (model.ok()) {
      base::MutexLock lock(state->mutex);
      if (state->generation == generation) state->model = std::make_shared<v1::Model>(*model);
    }
    done(std::move(model));
  });
}

void ModelCache::Invalidate() {
  base::MutexLock lock(state_->mutex);
  state_->model.reset();
  ++state_->generation;
}

}  // namespace glyph::gateway
