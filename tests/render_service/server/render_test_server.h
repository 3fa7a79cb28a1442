#pragma once
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "glyph/v1/render.grpc.pb.h"
#include "proto/rpc/server_runner.h"
#include "render_service/layout/profile_catalog.h"
#include "render_service/pipeline/worker_pool.h"
#include "render_service/server/quarantine.h"
#include "render_service/server/render_service.h"

namespace glyph::render {

// A page as it came over the wire.
struct ReceivedPage {
  v1::PageHeader header;
  std::string pixels;
  size_t num_strips = 0;
  std::vector<v1::SourceBox> boxes;
};

// One Render call from its first message to its status.
struct RenderOutcome {
  grpc::Status status;
  std::string reason;  // of google.rpc.ErrorInfo
  std::string field;   // of google.rpc.BadRequest
  bool has_retry_delay = false;
  std::vector<v1::RenderPlan> plans;
  std::vector<ReceivedPage> pages;
  std::vector<v1::RenderDone> dones;
  size_t largest_message = 0;  // bytes
  bool is_in_order = true;     // plan, (page, strips, maps)*, done
};

v1::RenderRequest StartText(const std::string& profile = "nano");
v1::RenderRequest StartImage();
v1::RenderRequest Data(std::string bytes);

// A render server on a free port of 127.0.0.1 and a channel to it.
class RenderTestServer {
 public:
  explicit RenderTestServer(int num_workers = 2, int num_seats = 64,
                            absl::Duration max_call_time = kMaxCallTime);

  // Sends `requests`, half-closes and reads to the end.
  RenderOutcome Render(const std::vector<v1::RenderRequest>& requests);
  RenderOutcome RenderText(const std::string& text, const std::string& profile = "nano");

  v1::RenderService::Stub& stub() { return *stub_; }
  RenderServiceImpl& service() { return service_; }
  const WorkerPool& pool() const { return pool_; }
  const ProfileCatalog& catalog() const { return *catalog_; }

 private:
  std::unique_ptr<ProfileCatalog> catalog_;
  std::unique_ptr<Quarantine> quarantine_;
  WorkerPool pool_;
  RenderServiceImpl service_;
  std::unique_ptr<rpc::ServerRunner> runner_;
  std::unique_ptr<v1::RenderService::Stub> stub_;
};

using RenderStream = grpc::ClientReaderWriter<v1::RenderRequest, v1::RenderResponse>;

// Reads `stream` to its end.
RenderOutcome ReadOutcome(RenderStream& stream);

}  // namespace glyph::render
