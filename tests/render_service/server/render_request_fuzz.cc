// The messages of any Render call: two bytes of length, low one first, before each RenderRequest.
#include <algorithm>
#include <memory>

#include "proto/base/check.h"
#include "proto/rpc/error.h"
#include "render_service/server/render_request.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using glyph::render::ProfileCatalog;
  static const ProfileCatalog& catalog =
      *ProfileCatalog::Create("/usr/share/fonts").value().release();
  glyph::render::RenderInput input(catalog);
  const uint8_t* const end = data + size;
  while (end - data > 2) {
    const size_t length = std::min<size_t>(data[0] | data[1] << 8, end - data - 2);
    glyph::v1::RenderRequest request;
    if (!request.ParseFromArray(data + 2, static_cast<int>(length))) return 0;
    if (const absl::Status status = input.Add(request); !status.ok()) {
      GLYPH_CHECK(status.code() == absl::StatusCode::kInvalidArgument);
      GLYPH_CHECK(!glyph::rpc::GetErrorDetails(status).reason.empty());
      return 0;
    }
    data += 2 + length;
  }
  const auto task = input.MakeTask();
  GLYPH_CHECK(!task.ok() || *task != nullptr);
  return 0;
}
