#pragma once
#include <functional>
#include <memory>

namespace glyph::gateway::cli {

// SIGINT and SIGTERM of the process: the first while something is watched cancels it, every other
// ends the process with 130. Make it once, before other threads: they inherit that the signals are
// blocked. Thread-safe.
//   const Interrupts::Watch watch = interrupts.Cancel([&context] { context.TryCancel(); });
class Interrupts {
 private:
  struct State;

 public:
  // While it lives, a signal cancels; afterwards `cancel` is not called.
  class Watch {
   public:
    explicit Watch(std::shared_ptr<State> state) : state_(std::move(state)) {}
    Watch(Watch&&) = default;
    ~Watch();

   private:
    std::shared_ptr<State> state_;
  };

  Interrupts();

  // Watches one thing at a time. `cancel` is called once at most, on a thread of its own.
  [[nodiscard]] Watch Cancel(std::function<void()> cancel);

 private:
  std::shared_ptr<State> state_;
};

}  // namespace glyph::gateway::cli
