#include "gateway/cli/interrupts.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <thread>
#include <utility>

#include "gateway/cli/exit_status.h"
#include "proto/base/mutex.h"

namespace glyph::gateway::cli {

struct Interrupts::State {
  base::Mutex mutex;
  std::function<void()> cancel GLYPH_GUARDED_BY(mutex);
};

namespace {

sigset_t Signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

Interrupts::Interrupts() : state_(std::make_shared<State>()) {
  const sigset_t signals = Signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([state = state_] {
    const sigset_t signals = Signals();
    for (int signal = 0;;) {
      sigwait(&signals, &signal);
      const base::MutexLock lock(state->mutex);
      if (state->cancel == nullptr) _exit(kExitInterrupted);
      std::exchange(state->cancel, nullptr)();
    }
  }).detach();
}

Interrupts::Watch Interrupts::Cancel(std::function<void()> cancel) {
  const base::MutexLock lock(state_->mutex);
  state_->cancel = std::move(cancel);
  return Watch(state_);
}

Interrupts::Watch::~Watch() {
  if (state_ == nullptr) return;  // moved from
  const base::MutexLock lock(state_->mutex);
  state_->cancel = nullptr;
}

}  // namespace glyph::gateway::cli
