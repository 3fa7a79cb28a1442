#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "gateway/routing/flow_services.h"
#include "gateway/routing/part_render.h"
#include "gateway/routing/request_gate.h"
#include "gateway/routing/strand.h"
#include "gateway/routing/upstream_call.h"
#include "glyph/v1/gateway.pb.h"

namespace glyph::gateway {

// One document on its way to a client as pages, or only planned: the renderer's events pass to the
// client one at a time, each read only when the one before is written. Thread-safe.
class RenderRelay : public std::enable_shared_from_this<RenderRelay> {
 public:
  struct Transport {
    std::function<void(v1::RenderResponse)> write;    // ends with OnWritten
    std::function<void(const absl::Status&)> finish;  // once, last
    // May be null. When all is written; brings about End.
    std::function<void()> complete = nullptr;
  };

  struct Job {
    v1::RenderPagesRequest request;  // valid
    std::string request_id;          // empty, or the one the call goes by
    UpstreamCall call;
    bool plan_only = false;  // no page is drawn
  };

  // `services` and `gate` outlive the relay.
  RenderRelay(const FlowServices& services, RequestGate& gate, Job job, Transport transport);

  void Start();
  void OnWritten(bool ok);
  // Runs work one after the other with the relay's own, not after End, and only as long as somebody
  // owns the relay: what waits does not keep it.
  Poster PostIfOwned();
  // Of work posted so.
  void End(const absl::Status& status);
  // The client went away.
  void Cancel();

 private:
  void Post(std::function<void()> work);
  void Open(const v1::RenderOptions& options);
  void ReadNext();

  const FlowServices& services_;
  RequestGate& gate_;
  Job job_;
  const Transport transport_;
  Strand strand_;
  std::optional<RequestGate::Ticket> ticket_;
  std::optional<PartRender> render_;
  bool complete_ = false;  // `done` is on its way to the client
  bool ended_ = false;
};

}  // namespace glyph::gateway
