#pragma once
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "gateway/routing/upstream.h"

// What a client of the gateway is told when its request fails behind it.
namespace glyph::gateway {

// Errors the service made itself (they carry a reason) pass unchanged. Errors of the transport get
// a reason and say what to do: a service that went away is UNAVAILABLE with a retry delay, a
// deadline stays one, everything else is INTERNAL. No address and no library message gets through.
absl::Status FromUpstream(Upstream upstream, const absl::Status& status);

// Whether the call of that error may be made again once its service is back: the service died, was
// ended or said that it is going, and the call itself has no fault that is known. `status` may be
// the service's own or what FromUpstream made of it.
bool UpstreamIsAway(const absl::Status& status);

// The service came back and what it says does not continue what it said before: UNAVAILABLE, since
// a new request will be answered.
absl::Status ChangedError(Upstream upstream);

// The service broke the contract, `what` being which rule: INTERNAL.
absl::Status ProtocolError(Upstream upstream, std::string_view what);

// The client went away. Nobody hears it; it is logged and counted.
absl::Status CancelledByClient();

// The client did not read for so long that the model gave the answer up: ABORTED.
absl::Status SlowReader();

// Renames the fields of a Render call to those of AskRequest: the options lie in `render`,
// everything else is about the source, which lies at `source_path` ("parts[0].document.text").
absl::Status WithRenderFields(const absl::Status& status, const std::string& source_path);

// Renames the fields of a Generate call: the options become `generation.`, those of a page become
// `source_path`, the part it was drawn from.
absl::Status WithGenerateFields(const absl::Status& status, const std::string& source_path);

}  // namespace glyph::gateway
