#pragma once
#include <cstdint>
#include <functional>
#include <map>

#include "absl/time/time.h"
#include "gateway/routing/clock.h"
#include "gateway/routing/timer.h"
#include "gateway/routing/upstream.h"
#include "proto/base/mutex.h"

namespace glyph::gateway {

// Which services behind the gateway answer, and whether clients should come here. Thread-safe.
class Readiness {
 public:
  // A service that answered and went away counts as restarting for `restart_grace`: its requests
  // wait or are told when to try again, and clients still come here. `timer`, whose work uses this,
  // goes first; Set is not called after that.
  Readiness(Clock now, Timer& timer, absl::Duration restart_grace);

  void Set(Upstream upstream, bool ready) GLYPH_EXCLUDES(mutex_);
  // Answers now.
  bool ready(Upstream upstream) const GLYPH_EXCLUDES(mutex_);
  // Every service answers or restarts, and the gateway does not drain.
  bool serving() const GLYPH_EXCLUDES(mutex_);

  // The gateway is going: serving() stays false, and nobody observes it any more.
  void Drain() GLYPH_EXCLUDES(mutex_);

  // Hears at once, and whenever it may have changed, what serving() is. Null: nobody. `on_change`
  // must not call back into this object.
  void Observe(std::function<void(bool serving)> on_change) GLYPH_EXCLUDES(mutex_);

  // Runs `done` once: with true as soon as `upstream` answers, which may be at once, or with false
  // at `latest`. On any thread.
  void WhenReady(Upstream upstream, absl::Time latest, std::function<void(bool ready)> done)
      GLYPH_EXCLUDES(mutex_);

 private:
  struct State {
    bool ready = false;
    absl::Time away_since = absl::InfinitePast();  // long ago: it never answered
    std::map<int64_t, std::function<void(bool)>> waiting;
  };

  State& StateOf(Upstream upstream) GLYPH_REQUIRES(mutex_);
  const State& StateOf(Upstream upstream) const GLYPH_REQUIRES(mutex_);
  bool Serves() const GLYPH_REQUIRES(mutex_);
  void Announce() GLYPH_EXCLUDES(mutex_);
  // Ends the wait `id`, unless it has ended.
  void GiveUp(Upstream upstream, int64_t id) GLYPH_EXCLUDES(mutex_);

  const Clock now_;
  Timer& timer_;
  const absl::Duration restart_grace_;
  mutable base::Mutex mutex_;
  State render_ GLYPH_GUARDED_BY(mutex_);
  State vlm_ GLYPH_GUARDED_BY(mutex_);
  int64_t num_waits_ GLYPH_GUARDED_BY(mutex_) = 0;  // ever
  bool draining_ GLYPH_GUARDED_BY(mutex_) = false;
  std::function<void(bool)> on_change_ GLYPH_GUARDED_BY(mutex_);
};

}  // namespace glyph::gateway
