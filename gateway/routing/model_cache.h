#pragma once
#include <cstdint>
#include <memory>

#include "absl/time/time.h"
#include "gateway/routing/vlm_client.h"
#include "proto/base/mutex.h"

namespace glyph::gateway {

// Remembers the model's description until vlm_service goes away. `vlm` outlives it. Thread-safe.
class ModelCache {
 public:
  explicit ModelCache(VlmClient& vlm);

  // `done` runs once: at once when the model is known, else on any thread.
  void Get(absl::Time deadline, VlmClient::ModelCallback done);

  // Forgets the model; answers on their way are not remembered either.
  void Invalidate();

 private:
  // Shared with calls on their way, which may outlive the cache.
  struct State {
    base::Mutex mutex;
    std::shared_ptr<const v1::Model> model GLYPH_GUARDED_BY(mutex);
    int64_t generation GLYPH_GUARDED_BY(mutex) = 0;  // counts Invalidate
  };

  VlmClient& vlm_;
  const std::shared_ptr<State> state_;
};

}  // namespace glyph::gateway
