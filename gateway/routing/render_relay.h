#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "gateway/routing/document_flow.h"
#include "gateway/routing/part_render.h"
#include "gateway/routing/request_gate.h"
#include "gateway/routing/strand.h"
#include "glyph/v1/gateway.pb.h"

namespace glyph::gateway {

// One document on its way to a client as pages: the renderer's events pass to the client one at a
// time, each read only when the one before is written. Thread-safe.
class RenderRelay : public std::enable_shared_from_this<RenderRelay> {
 public:
  struct Transport {
    std::function<void(v1::RenderResponse)> write;    // ends with OnWritten
    std::function<void(const absl::Status&)> finish;  // once, last
  };

  // `request` is valid. `services` and `gate` outlive the relay. `request_id`: empty, or the one
  // the call goes by.
  RenderRelay(const FlowServices& services, RequestGate& gate, v1::RenderPagesRequest request,
              std::string request_id, absl::Time deadline, Transport transport);

  void Start();
  void OnWritten(bool ok);
  // The client went away.
  void Cancel();

 private:
  void Post(std::function<void()> work);
  void Open(const v1::RenderOptions& options);
  void ReadNext();
  void End(const absl::Status& status);

  const FlowServices& services_;
  RequestGate& gate_;
  v1::RenderPagesRequest request_;
  const std::string request_id_;
  const absl::Time deadline_;
  const Transport transport_;
  Strand strand_;
  std::optional<RequestGate::Ticket> ticket_;
  PartRender render_;
  bool complete_ = false;  // `done` is on its way to the client
  bool ended_ = false;
};

}  // namespace glyph::gateway
