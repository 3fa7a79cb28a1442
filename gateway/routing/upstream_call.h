#pragma once
#include <string>
#include <utility>

#include "absl/time/time.h"

namespace glyph::gateway {

// What goes with a call to a service behind the gateway besides its messages.
struct UpstreamCall {
  UpstreamCall(absl::Time call_deadline, std::string call_traceparent = "")
      : deadline(call_deadline), traceparent(std::move(call_traceparent)) {}

  absl::Time deadline;
  std::string traceparent;  // W3C Trace Context, valid, as its client sent it; or empty
};

}  // namespace glyph::gateway
