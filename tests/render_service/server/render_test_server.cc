#include "tests/render_service/server/render_test_server.h"

#include <algorithm>
#include <utility>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "proto/rpc/error.h"
#include "proto/rpc/status_conversion.h"

namespace glyph::render {
namespace {

void Take(const v1::RenderResponse& response, RenderOutcome& outcome) {
  outcome.largest_message = std::max(outcome.largest_message, response.ByteSizeLong());
  const bool is_first = outcome.plans.empty();
  outcome.is_in_order =
      outcome.is_in_order && outcome.dones.empty() && is_first == response.has_plan() &&
      (!outcome.pages.empty() || (!response.has_strip() && !response.has_source_map()));
  if (response.has_plan()) outcome.plans.push_back(response.plan());
  if (response.has_page()) outcome.pages.push_back({response.page(), "", 0, {}});
  if (response.has_strip()) {
    ReceivedPage& page = outcome.pages.back();
    const size_t row_bytes =
        page.header.width_px() * (page.header.format() == v1::PIXEL_FORMAT_GRAY8 ? 1 : 3);
    outcome.is_in_order = outcome.is_in_order &&
                          response.strip().page_index() == page.header.page_index() &&
                          response.strip().first_row() * row_bytes == page.pixels.size();
    page.pixels += response.strip().pixels();
    ++page.num_strips;
  }
  if (response.has_source_map()) {
    for (const auto& box : response.source_map().boxes()) outcome.pages.back().boxes.push_back(box);
  }
  if (response.has_done()) outcome.dones.push_back(response.done());
}

}  // namespace

v1::RenderRequest StartText(const std::string& profile) {
  v1::RenderRequest request;
  request.mutable_start()->set_kind(v1::SOURCE_KIND_TEXT);
  request.mutable_start()->mutable_options()->set_profile(profile);
  return request;
}

v1::RenderRequest StartImage() {
  v1::RenderRequest request;
  request.mutable_start()->set_kind(v1::SOURCE_KIND_IMAGE);
  return request;
}

v1::RenderRequest Data(std::string bytes) {
  v1::RenderRequest request;
  request.set_data(std::move(bytes));
  return request;
}

RenderTestServer::RenderTestServer(int num_workers, int num_seats, absl::Duration max_call_time)
    : catalog_(ProfileCatalog::Create("/usr/share/fonts").value()),
      quarantine_(Quarantine::Open("").value()),
      pool_(num_workers, num_seats),
      service_(*catalog_, pool_, *quarantine_, max_call_time),
      runner_(rpc::ServerRunner::Start(
                  {.service_name = "glyph.v1.RenderService", .drain = absl::ZeroDuration()},
                  {&service_})
                  .value()),
      stub_(v1::RenderService::NewStub(grpc::CreateChannel(
          "127.0.0.1:" + std::to_string(runner_->port()), grpc::InsecureChannelCredentials()))) {}

RenderOutcome RenderTestServer::Render(const std::vector<v1::RenderRequest>& requests) {
  grpc::ClientContext context;
  const auto stream = stub_->Render(&context);
  for (const v1::RenderRequest& request : requests) {
    if (!stream->Write(request)) break;
  }
  stream->WritesDone();
  return ReadOutcome(*stream);
}

RenderOutcome RenderTestServer::RenderText(const std::string& text, const std::string& profile) {
  return Render({StartText(profile), Data(text)});
}

RenderOutcome ReadOutcome(RenderStream& stream) {
  RenderOutcome outcome;
  v1::RenderResponse response;
  while (stream.Read(&response)) Take(response, outcome);
  outcome.status = stream.Finish();
  const rpc::ErrorDetails details = rpc::GetErrorDetails(rpc::FromGrpcStatus(outcome.status));
  outcome.reason = details.reason;
  outcome.field = details.field;
  outcome.has_retry_delay = details.retry_after.has_value();
  return outcome;
}

}  // namespace glyph::render
