#pragma once
#include <memory>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "gateway/keys/key_account.h"
#include "gateway/metrics/gateway_metrics.h"
#include "proto/base/mutex.h"

namespace glyph::gateway {

// Bounds the requests in flight, in all and of each key, and keeps their ids unique. Outlives its
// tickets. Thread-safe.
class RequestGate {
 public:
  // A place in the gateway; leaving the scope gives it back. Move-only.
  class Ticket {
   public:
    Ticket(RequestGate& gate, std::string request_id, Caller caller, KeyAccount::Use use);
    Ticket(Ticket&&) = default;
    Ticket& operator=(Ticket&&) = default;

    // The id in force.
    const std::string& request_id() const { return request_id_; }
    const Caller& caller() const { return caller_; }

   private:
    struct Release {
      std::string request_id;
      void operator()(RequestGate* gate) const { gate->Leave(request_id); }
    };
    std::string request_id_;
    Caller caller_;
    KeyAccount::Use use_;  // null without a caller
    std::unique_ptr<RequestGate, Release> gate_;
  };

  // max_requests > 0.
  RequestGate(int max_requests, GatewayMetrics& metrics);

  // Lets one request in; an empty id is replaced by a random one. Only what is let in counts for
  // the quota of its caller. RESOURCE_EXHAUSTED (GATEWAY_FULL or KEY_QUOTA, with a retry delay),
  // ALREADY_EXISTS (REQUEST_ID_IN_USE); see Close.
  absl::StatusOr<Ticket> Admit(std::string request_id, Caller caller) GLYPH_EXCLUDES(mutex_);

  // From now on Admit answers UNAVAILABLE (DRAINING, with a retry delay).
  void Close() GLYPH_EXCLUDES(mutex_);

  int num_in_flight() const GLYPH_EXCLUDES(mutex_);

 private:
  void Leave(const std::string& request_id) GLYPH_EXCLUDES(mutex_);

  const size_t max_requests_;
  GatewayMetrics& metrics_;
  mutable base::Mutex mutex_;
  bool is_closed_ GLYPH_GUARDED_BY(mutex_) = false;
  std::set<std::string> request_ids_ GLYPH_GUARDED_BY(mutex_);  // of the requests in flight
};

}  // namespace glyph::gateway
