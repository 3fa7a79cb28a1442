#pragma once
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "glyph/v1/render.pb.h"
#include "proto/base/sha256.h"
#include "render_service/layout/profile_catalog.h"
#include "render_service/pipeline/render_task.h"

namespace glyph::render {

inline constexpr uint32_t kMaxPages = 256;
inline constexpr size_t kMaxChunkBytes = 1 << 20;

// The requests of one Render call, checked and gathered. Error fields are paths into
// gateway.proto's AskRequest (document.text, image.data, render.profile), so that the gateway can
// pass errors on as they are; `start` and `data` name RenderRequest's own fields.
// Not thread-safe.
class RenderInput {
 public:
  explicit RenderInput(const ProfileCatalog& catalog) : catalog_(catalog) {}

  // Takes the next message. INVALID_ARGUMENT: START_EXPECTED, START_REPEATED, KIND_UNKNOWN,
  // REQUEST_ID_INVALID, PROFILE_*, DPI_OUT_OF_RANGE, LANGUAGE_UNKNOWN, MAX_PAGES_OUT_OF_RANGE,
  // CHUNK_TOO_LARGE, INPUT_TOO_LARGE.
  absl::Status Add(const v1::RenderRequest& request);

  // The client has half-closed: the work to do. INVALID_ARGUMENT START_EXPECTED. Call once.
  absl::StatusOr<std::unique_ptr<RenderTask>> MakeTask();

  const std::string& request_id() const { return start_.request_id(); }
  size_t num_bytes() const { return num_bytes_; }
  // gateway.proto's name of the data.
  const char* source_field() const;
  // SHA-256 of all data, once MakeTask has been called.
  const base::Sha256Digest& digest() const { return digest_; }

 private:
  absl::Status Start(const v1::RenderStart& start);
  absl::Status ReadProfile(const v1::RenderOptions& options);
  absl::Status Append(const std::string& chunk);

  const ProfileCatalog& catalog_;
  bool has_started_ = false;
  v1::RenderStart start_;
  std::shared_ptr<const ResolvedProfile> profile_;  // of texts
  std::string data_;
  size_t num_bytes_ = 0;
  base::Sha256 hash_;  // of the data so far
  base::Sha256Digest digest_ = {};
};

}  // namespace glyph::render
