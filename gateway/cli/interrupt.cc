#include "gateway/cli/interrupt.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <thread>

namespace glyph::gateway::cli {
namespace {

constexpr int kExitInterrupted = 130;

sigset_t Interrupts() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

void BlockInterrupts() {
  const sigset_t signals = Interrupts();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

void CancelOnInterrupt(grpc::ClientContext& context) {
  std::thread([&context] {
    const sigset_t signals = Interrupts();
    int signal = 0;
    sigwait(&signals, &signal);
    context.TryCancel();
    sigwait(&signals, &signal);
    _exit(kExitInterrupted);
  }).detach();
}

}  // namespace glyph::gateway::cli
