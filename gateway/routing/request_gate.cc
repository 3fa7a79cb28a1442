#include "gateway/routing/request_gate.h"

#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"

namespace glyph::gateway {
namespace {

std::string RandomId() {
  absl::BitGen random;
  return absl::StrCat("req-", absl::Hex(absl::Uniform<uint64_t>(random), absl::kZeroPad16));
}

}  // namespace

RequestGate::Ticket::Ticket(RequestGate& gate, std::string request_id, Caller caller,
                            KeyAccount::Use use)
    : request_id_(std::move(request_id)),
      caller_(std::move(caller)),
      use_(std::move(use)),
      gate_(&gate, Release{request_id_}) {}

RequestGate::RequestGate(int max_requests, GatewayMetrics& metrics)
    : max_requests_(static_cast<size_t>(max_requests)), metrics_(metrics) {}

absl::StatusOr<RequestGate::Ticket> RequestGate::Admit(std::string request_id, Caller caller) {
  if (request_id.empty()) request_id = RandomId();
  base::MutexLock lock(mutex_);
  if (is_closed_) {
    return rpc::Unavailable("DRAINING", absl::Seconds(1),
                            "this gateway is shutting down; retry on another one");
  }
  if (request_ids_.size() >= max_requests_) {
    return rpc::ResourceExhausted(
        "GATEWAY_FULL", absl::Seconds(1),
        absl::StrCat("the gateway serves ", max_requests_,
                     " requests, its limit (--max-requests); try again in a moment"));
  }
  if (request_ids_.contains(request_id)) {
    return rpc::MakeError(absl::StatusCode::kAlreadyExists,
                          {.reason = "REQUEST_ID_IN_USE", .field = "request_id", .retry_after = {}},
                          "a running request has this id; choose another, or leave it empty");
  }
  KeyAccount::Use use;
  if (caller != nullptr) {
    GLYPH_ASSIGN_OR_RETURN(use, caller->Begin());
  }
  request_ids_.insert(request_id);
  metrics_.SetRequestsInFlight(static_cast<int64_t>(request_ids_.size()));
  return Ticket(*this, std::move(request_id), std::move(caller), std::move(use));
}

void RequestGate::Close() {
  base::MutexLock lock(mutex_);
  is_closed_ = true;
}

void RequestGate::Leave(const std::string& request_id) {
  base::MutexLock lock(mutex_);
  request_ids_.erase(request_id);
  metrics_.SetRequestsInFlight(static_cast<int64_t>(request_ids_.size()));
}

int RequestGate::num_in_flight() const {
  base::MutexLock lock(mutex_);
  return static_cast<int>(request_ids_.size());
}

}  // namespace glyph::gateway
