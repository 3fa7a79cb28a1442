#pragma once
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "gateway/keys/key_account.h"

namespace glyph::gateway {

// What goes with a request, and with the calls behind it, besides its messages.
struct UpstreamCall {
  UpstreamCall(absl::Time call_deadline, std::string call_traceparent = "",
               Caller call_caller = nullptr)
      : deadline(call_deadline),
        traceparent(std::move(call_traceparent)),
        caller(std::move(call_caller)) {}

  absl::Time deadline;
  std::string traceparent;  // W3C Trace Context, valid, as its client sent it; or empty
  Caller caller;            // whose request it is
};

}  // namespace glyph::gateway
