#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "gateway/routing/part_render.h"
#include "gateway/routing/strand.h"
#include "gateway/server/server_services.h"

namespace glyph::gateway {

// One RenderPages or Estimate call: the renderer's events pass to the client one at a time, each
// read only when the one before is written. Thread-safe.
class RenderRelay : public std::enable_shared_from_this<RenderRelay> {
 public:
  struct Transport {
    std::function<void(v1::RenderResponse)> write;    // ends with OnWritten
    std::function<void(const absl::Status&)> finish;  // once, last
  };

  // `request` is valid. `services` outlives the relay. `plan_only`: no page is drawn.
  RenderRelay(ServerServices& services, v1::RenderPagesRequest request, bool plan_only,
              absl::Time deadline, Transport transport);

  void Start();
  void OnWritten(bool ok);
  // The client went away.
  void Cancel();

 private:
  void Post(std::function<void()> work);
  void Open(const v1::RenderOptions& options);
  void ReadNext();
  void End(const absl::Status& status);

  ServerServices& services_;
  v1::RenderPagesRequest request_;
  const bool plan_only_;
  const absl::Time deadline_;
  const Transport transport_;
  Strand strand_;
  std::optional<RequestGate::Ticket> ticket_;
  PartRender render_;
  bool complete_ = false;  // `done` is on its way to the client
  bool ended_ = false;
};

}  // namespace glyph::gateway
