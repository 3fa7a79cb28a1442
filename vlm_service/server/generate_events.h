#pragma once
#include <string>

#include "glyph/v1/vlm.pb.h"
#include "vlm_service/engine/event_sink.h"

namespace glyph::vlm {

// The engine's events as messages of vlm.proto (tokens: OutputQueue).
v1::GenerateResponse AdmittedResponse(const AdmittedEvent& event, const std::string& request_id,
                                      bool greedy);
v1::GenerateResponse PageDecisionResponse(const PageDecisionEvent& event);
v1::GenerateResponse PageEncodedResponse(const PageEncodedEvent& event);
v1::GenerateResponse SampleFinishedResponse(const SampleFinishedEvent& event);

// What the last message says besides the counts of the engine.
struct AnswerEnd {
  FinishReason reason = FinishReason::kStop;  // of sample 0
  std::string tail_text;                      // of the only sample
  bool profile_mismatch = false;
};
v1::GenerateResponse FinishedResponse(const FinishedEvent& event, const AnswerEnd& end);

}  // namespace glyph::vlm
