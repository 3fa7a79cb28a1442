#include "vlm_service/server/generate_events.h"

namespace glyph::vlm {
namespace {

v1::FinishReason ToProto(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return v1::FINISH_REASON_STOP;
    case FinishReason::kStopString:
      return v1::FINISH_REASON_STOP_STRING;
    case FinishReason::kLength:
      return v1::FINISH_REASON_LENGTH;
  }
  return v1::FINISH_REASON_UNSPECIFIED;
}

}  // namespace

v1::GenerateResponse AdmittedResponse(const AdmittedEvent& event, const std::string& request_id,
                                      bool greedy) {
  v1::GenerateResponse response;
  v1::Admitted* admitted = response.mutable_admitted();
  admitted->set_request_id(request_id);
  admitted->set_reserved_tokens(static_cast<uint64_t>(event.reserved_tokens));
  admitted->set_queue_ms(absl::ToDoubleMilliseconds(event.queue_time));
  admitted->set_greedy(greedy);
  return response;
}

v1::GenerateResponse PageDecisionResponse(const PageDecisionEvent& event) {
  v1::GenerateResponse response;
  v1::PageDecision* decision = response.mutable_page_decision();
  decision->set_page_index(static_cast<uint32_t>(event.page_index));
  decision->set_answer(event.have ? v1::PAGE_ANSWER_HAVE : v1::PAGE_ANSWER_NEED);
  return response;
}

v1::GenerateResponse PageEncodedResponse(const PageEncodedEvent& event) {
  v1::GenerateResponse response;
  v1::PageEncoded* encoded = response.mutable_page_encoded();
  encoded->set_page_index(static_cast<uint32_t>(event.page_index));
  encoded->set_visual_tokens(static_cast<uint32_t>(event.visual_tokens));
  return response;
}

v1::GenerateResponse SampleFinishedResponse(const SampleFinishedEvent& event) {
  v1::GenerateResponse response;
  v1::SampleFinished* finished = response.mutable_sample_finished();
  finished->set_sample(static_cast<uint32_t>(event.sample));
  finished->set_reason(ToProto(event.reason));
  finished->set_tail_text(event.tail_text);
  finished->set_output_tokens(static_cast<uint64_t>(event.output_tokens));
  return response;
}

v1::GenerateResponse FinishedResponse(const FinishedEvent& event, const AnswerEnd& end) {
  v1::GenerateResponse response;
  v1::GenerateFinished* finished = response.mutable_finished();
  finished->set_reason(ToProto(end.reason));
  finished->set_tail_text(end.tail_text);
  finished->set_profile_mismatch(end.profile_mismatch);
  finished->set_prompt_tokens(static_cast<uint64_t>(event.prompt_tokens));
  finished->set_visual_tokens(static_cast<uint64_t>(event.visual_tokens));
  finished->set_cached_tokens(static_cast<uint64_t>(event.cached_tokens));
  finished->set_output_tokens(static_cast<uint64_t>(event.output_tokens));
  finished->set_preemptions(static_cast<uint32_t>(event.preemptions));
  finished->set_queue_ms(absl::ToDoubleMilliseconds(event.queue_time));
  finished->set_vision_ms(absl::ToDoubleMilliseconds(event.vision_time));
  finished->set_prefill_ms(absl::ToDoubleMilliseconds(event.prefill_time));
  finished->set_decode_ms(absl::ToDoubleMilliseconds(event.decode_time));
  return response;
}

}  // namespace glyph::vlm
