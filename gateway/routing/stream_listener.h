#pragma once
#include <functional>

#include "absl/status/status.h"

namespace glyph::gateway {

// What the owner of a streaming call hears of it. Called on any thread, one call at a time, never
// from inside a method of the call.
template <typename Event>
struct StreamListener {
  // The answer to one Read().
  std::function<void(Event)> on_event;
  // Once, last: OK, or why the call ended. Always comes after Cancel() or after a Read() that finds
  // the stream at its end.
  std::function<void(absl::Status)> on_done;
};

}  // namespace glyph::gateway
