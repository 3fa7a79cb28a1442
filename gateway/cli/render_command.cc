#include "gateway/cli/render_command.h"

#include <cstdio>
#include <utility>

#include "gateway/cli/connection.h"
#include "gateway/cli/exit_status.h"
#include "gateway/cli/input.h"
#include "gateway/cli/interrupt.h"
#include "gateway/cli/page_folder.h"
#include "proto/rpc/error.h"

namespace glyph::gateway::cli {
namespace {

absl::Status Render(const RenderCommandOptions& options) {
  v1::RenderPagesRequest request;
  GLYPH_ASSIGN_OR_RETURN(*request.mutable_document()->mutable_text(),
                         ReadInput(options.file, kMaxDocumentBytes));
  *request.mutable_render() = options.render;
  request.mutable_render()->set_exact_source_map(true);
  GLYPH_ASSIGN_OR_RETURN(
      PageFolder pages,
      PageFolder::Create(options.folder, {options.view, options.find, request.document().text()}));
  const auto stub = Connect(options.server, options.api_key);
  static grpc::ClientContext context;  // the thread that waits for signals outlives this function
  CancelOnInterrupt(context);
  const auto stream = stub->RenderPages(&context, request);
  v1::RenderPagesResponse response;
  while (stream->Read(&response)) {
    if (absl::Status status = pages.Add(response.event()); !status.ok()) {
      context.TryCancel();
      return status;
    }
  }
  GLYPH_RETURN_IF_ERROR(CallStatus(stream->Finish(), options.server));
  for (const auto& [file, box] : pages.places()) {
    std::printf("%s: %ux%u px at (%u, %u)\n", file.c_str(), box.width_px(), box.height_px(),
                box.x_px(), box.y_px());
  }
  std::printf("%d pages in %s\n", pages.num_pages(), options.folder.c_str());
  return absl::OkStatus();
}

}  // namespace

int RunRender(const RenderCommandOptions& options) { return Report(Render(options)); }

}  // namespace glyph::gateway::cli
