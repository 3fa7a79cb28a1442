#pragma once
#include <cstdint>
#include <string>

#include "glyph/v1/vlm.pb.h"
#include "vlm_service/engine/event_sink.h"

namespace glyph::vlm {

// The engine's events as messages of vlm.proto (tokens: OutputQueue).
v1::GenerateResponse AdmittedResponse(const AdmittedEvent& event, const std::string& request_id);
v1::GenerateResponse PageNeededResponse(int32_t page_index);
v1::GenerateResponse PageEncodedResponse(const PageEncodedEvent& event);
v1::GenerateResponse FinishedResponse(const FinishedEvent& event, bool profile_mismatch);

}  // namespace glyph::vlm
