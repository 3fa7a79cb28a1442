#include "gateway/cli/render_command.h"

#include <cstdio>
#include <utility>

#include "gateway/cli/connection.h"
#include "gateway/cli/exit_status.h"
#include "gateway/cli/input.h"
#include "gateway/cli/interrupts.h"
#include "gateway/cli/json_output.h"
#include "gateway/cli/page_folder.h"
#include "proto/rpc/error.h"

namespace glyph::gateway::cli {
namespace {

void Describe(const PageFolder& pages, const std::string& folder) {
  for (const auto& [file, box] : pages.places()) {
    std::printf("%s: %ux%u px at (%u, %u)\n", file.c_str(), box.width_px(), box.height_px(),
                box.x_px(), box.y_px());
  }
  std::printf("%d pages in %s\n", pages.num_pages(), folder.c_str());
}

void PrintJson(const PageFolder& pages, const std::string& folder) {
  auto places = nlohmann::ordered_json::array();
  for (const auto& [file, box] : pages.places()) {
    places.push_back({{"file", file},
                      {"x_px", box.x_px()},
                      {"y_px", box.y_px()},
                      {"width_px", box.width_px()},
                      {"height_px", box.height_px()}});
  }
  PrintJsonLine(nlohmann::ordered_json{
      {"folder", folder}, {"pages", pages.num_pages()}, {"places", std::move(places)}});
}

absl::Status Render(const RenderCommandOptions& options, Interrupts& interrupts) {
  v1::RenderPagesRequest request;
  GLYPH_ASSIGN_OR_RETURN(*request.mutable_document()->mutable_text(),
                         ReadInput(options.file, kMaxInputBytes));
  *request.mutable_render() = options.render;
  request.mutable_render()->set_exact_source_map(true);
  GLYPH_ASSIGN_OR_RETURN(
      PageFolder pages,
      PageFolder::Create(options.folder, {options.view, options.find, request.document().text()}));
  const auto stub = Connect(options.server, options.api_key);
  grpc::ClientContext context;
  const Interrupts::Watch watch = interrupts.Cancel([&context] { context.TryCancel(); });
  const auto stream = stub->RenderPages(&context, request);
  v1::RenderPagesResponse response;
  while (stream->Read(&response)) {
    if (absl::Status status = pages.Add(response.event()); !status.ok()) {
      context.TryCancel();
      return status;
    }
  }
  GLYPH_RETURN_IF_ERROR(CallStatus(stream->Finish(), options.server));
  if (options.json) {
    PrintJson(pages, options.folder);
  } else {
    Describe(pages, options.folder);
  }
  return absl::OkStatus();
}

}  // namespace

int RunRender(const RenderCommandOptions& options, Interrupts& interrupts) {
  return Report(Render(options, interrupts));
}

}  // namespace glyph::gateway::cli
