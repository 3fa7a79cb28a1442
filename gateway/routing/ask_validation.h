#pragma once
#include <cstddef>

#include "absl/status/status.h"
#include "glyph/v1/gateway.pb.h"

// The limits of gateway.proto. Every wrong field is named by its proto path, at most 20 in one
// error.
namespace glyph::gateway {

inline constexpr int kMaxParts = 64;
inline constexpr size_t kMaxSourceBytes = 16 << 20;     // of one document or image
inline constexpr size_t kMaxTextBytes = 512 << 10;      // of all texts of a request
inline constexpr size_t kMaxStreamedBytes = 256 << 20;  // of all parts of an AskStream
inline constexpr size_t kMaxChunkBytes = 1 << 20;

// INVALID_ARGUMENT, or OK. Limits that depend on the model (context, vocabulary) are vlm_service's.
absl::Status ValidateAsk(const v1::AskRequest& request);
// Of RenderPages and Estimate.
absl::Status ValidateRenderPages(const v1::RenderPagesRequest& request);

// Everything of `request` but what its parts hold: AskStream fills them later.
absl::Status ValidateAskStart(const v1::AskRequest& request);

}  // namespace glyph::gateway
