#include "gateway/routing/readiness.h"

#include <utility>

namespace glyph::gateway {

Readiness::Readiness(Clock now, Timer& timer, absl::Duration restart_grace)
    : now_(std::move(now)), timer_(timer), restart_grace_(restart_grace) {}

Readiness::State& Readiness::StateOf(Upstream upstream) {
  return upstream == Upstream::kRender ? render_ : vlm_;
}

const Readiness::State& Readiness::StateOf(Upstream upstream) const {
  return upstream == Upstream::kRender ? render_ : vlm_;
}

void Readiness::Set(Upstream upstream, bool ready) {
  std::map<int64_t, std::function<void(bool)>> waited;
  {
    base::MutexLock lock(mutex_);
    State& state = StateOf(upstream);
    if (state.ready && !ready) {
      state.away_since = now_();
      timer_.At(state.away_since + restart_grace_, [this] { Announce(); });
    }
    state.ready = ready;
    if (ready) waited.swap(state.waiting);
  }
  Announce();
  for (const auto& [id, done] : waited) done(true);
}

bool Readiness::ready(Upstream upstream) const {
  base::MutexLock lock(mutex_);
  return StateOf(upstream).ready;
}

bool Readiness::serving() const {
  base::MutexLock lock(mutex_);
  return Serves();
}

bool Readiness::Serves() const {
  const auto here = [this](const State& state) {
    return state.ready || now_() - state.away_since < restart_grace_;
  };
  return !draining_ && here(render_) && here(vlm_);
}

void Readiness::Drain() {
  base::MutexLock lock(mutex_);
  draining_ = true;
  on_change_ = nullptr;
}

void Readiness::Observe(std::function<void(bool)> on_change) {
  {
    base::MutexLock lock(mutex_);
    on_change_ = std::move(on_change);
  }
  Announce();
}

void Readiness::Announce() {
  base::MutexLock lock(mutex_);
  if (on_change_) on_change_(Serves());
}

void Readiness::WhenReady(Upstream upstream, absl::Time latest, std::function<void(bool)> done) {
  {
    base::MutexLock lock(mutex_);
    State& state = StateOf(upstream);
    if (!state.ready) {
      const int64_t id = num_waits_++;
      state.waiting.emplace(id, std::move(done));
      timer_.At(latest, [this, upstream, id] { GiveUp(upstream, id); });
      return;
    }
  }
  done(true);
}

void Readiness::GiveUp(Upstream upstream, int64_t id) {
  std::function<void(bool)> done;
  {
    base::MutexLock lock(mutex_);
    auto& waiting = StateOf(upstream).waiting;
    const auto found = waiting.find(id);
    if (found == waiting.end()) return;
    done = std::move(found->second);
    waiting.erase(found);
  }
  done(false);
}

}  // namespace glyph::gateway
