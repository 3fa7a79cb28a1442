#include "render_service/server/render_request.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/rpc/error.h"
#include "render_service/images/image_decoder.h"
#include "render_service/pipeline/image_task.h"
#include "render_service/pipeline/text_task.h"

namespace glyph::render {
namespace {

constexpr size_t kMaxRequestIdBytes = 128;
constexpr size_t kMaxProfileNameBytes = 64;
static_assert(kMaxSourceBytes == kMaxImageBytes, "one limit of the data for both kinds");

absl::Status CheckRequestId(const std::string& id) {
  const bool is_printable =
      std::all_of(id.begin(), id.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (id.size() <= kMaxRequestIdBytes && is_printable) return absl::OkStatus();
  return rpc::InvalidArgument(
      "REQUEST_ID_INVALID", "request_id",
      absl::StrCat("request_id must be at most ", kMaxRequestIdBytes, " bytes of printable ASCII"));
}

absl::Status StartExpected() {
  return rpc::InvalidArgument("START_EXPECTED", "start",
                              "the first message of a Render call must be start");
}

}  // namespace

absl::Status RenderInput::Add(const v1::RenderRequest& request) {
  if (request.has_start()) {
    if (!has_started_) return Start(request.start());
    return rpc::InvalidArgument("START_REPEATED", "start",
                                "start was sent twice; send data after it");
  }
  if (!has_started_) return StartExpected();
  return Append(request.data());
}

absl::StatusOr<std::unique_ptr<RenderTask>> RenderInput::MakeTask() {
  if (!has_started_) return StartExpected();
  digest_ = hash_.Finish();
  if (start_.kind() == v1::SOURCE_KIND_IMAGE) {
    return std::unique_ptr<RenderTask>(
        std::make_unique<ImageTask>(std::move(data_), start_.plan_only()));
  }
  const uint32_t max_pages = start_.options().max_pages();
  return std::unique_ptr<RenderTask>(std::make_unique<TextTask>(
      std::move(data_), TextTaskOptions{.profile = profile_,
                                        .lenient_utf8 = start_.options().lenient_utf8(),
                                        .max_pages = max_pages == 0 ? kMaxPages : max_pages,
                                        .plan_only = start_.plan_only(),
                                        .has_clusters = start_.options().exact_source_map()}));
}

const char* RenderInput::source_field() const {
  return start_.kind() == v1::SOURCE_KIND_TEXT ? "document.text" : "image.data";
}

absl::Status RenderInput::Start(const v1::RenderStart& start) {
  if (start.kind() != v1::SOURCE_KIND_TEXT && start.kind() != v1::SOURCE_KIND_IMAGE) {
    return rpc::InvalidArgument("KIND_UNKNOWN", "start.kind",
                                absl::StrCat("start.kind is ", static_cast<int>(start.kind()),
                                             "; it must be TEXT (1) or IMAGE (2)"));
  }
  GLYPH_RETURN_IF_ERROR(CheckRequestId(start.request_id()));
  if (start.options().max_pages() > kMaxPages) {
    return rpc::InvalidArgument(
        "MAX_PAGES_OUT_OF_RANGE", "render.max_pages",
        absl::StrCat("render.max_pages is ", start.options().max_pages(), "; it must be 1 to ",
                     kMaxPages, ", or 0 for ", kMaxPages));
  }
  if (start.kind() == v1::SOURCE_KIND_TEXT) GLYPH_RETURN_IF_ERROR(ReadProfile(start.options()));
  start_ = start;
  has_started_ = true;
  return absl::OkStatus();
}

absl::Status RenderInput::ReadProfile(const v1::RenderOptions& options) {
  if (options.profile().empty() == options.profile_json().empty()) {
    return rpc::InvalidArgument(
        "PROFILE_AMBIGUOUS", "render.profile",
        absl::StrCat(options.profile().empty() ? "neither" : "both",
                     " of render.profile and render.profile_json are set; set one"));
  }
  if (options.profile().size() > kMaxProfileNameBytes) {
    return rpc::InvalidArgument("PROFILE_UNKNOWN", "render.profile",
                                absl::StrCat("render.profile has ", options.profile().size(),
                                             " bytes; the limit is ", kMaxProfileNameBytes));
  }
  GLYPH_ASSIGN_OR_RETURN(auto profile, options.profile().empty()
                                           ? catalog_.Resolve(options.profile_json())
                                           : catalog_.Find(options.profile()));
  // Larger values would not survive as an int, and are as wrong.
  const auto dpi = static_cast<int>(std::min(options.dpi(), 1000000u));
  GLYPH_ASSIGN_OR_RETURN(profile, catalog_.AtDpi(std::move(profile), dpi));
  GLYPH_ASSIGN_OR_RETURN(profile_, catalog_.InLanguage(std::move(profile), options.language()));
  return absl::OkStatus();
}

absl::Status RenderInput::Append(const std::string& chunk) {
  if (chunk.size() > kMaxChunkBytes) {
    return rpc::InvalidArgument("CHUNK_TOO_LARGE", "data",
                                absl::StrCat("data has ", chunk.size(),
                                             " bytes; a message carries "
                                             "at most ",
                                             kMaxChunkBytes, ", send it in chunks"));
  }
  if (data_.size() + chunk.size() > kMaxSourceBytes) {
    const bool is_text = start_.kind() == v1::SOURCE_KIND_TEXT;
    return rpc::InvalidArgument(
        "INPUT_TOO_LARGE", source_field(),
        absl::StrCat(source_field(), " has more than the limit of ", kMaxSourceBytes, " bytes; ",
                     is_text ? "split the document" : "send a smaller file"));
  }
  data_ += chunk;
  hash_.Update(chunk);
  num_bytes_ = data_.size();
  return absl::OkStatus();
}

}  // namespace glyph::render
