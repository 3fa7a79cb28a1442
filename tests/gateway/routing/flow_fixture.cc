#include "tests/gateway/routing/flow_fixture.h"

namespace glyph::gateway {

FlowFixture::~FlowFixture() {
  for (const auto& call : render_client_.calls) call->End(absl::CancelledError());
  for (const auto& call : vlm_client_.calls) call->End(absl::CancelledError());
}

void FlowFixture::Ask(v1::AskRequest request) {
  request.set_request_id("id");
  flow_ = DocumentFlow::Create(Services(), std::move(request), deadline_, sink_);
  flow_->Start();
  if (vlm_client_.model_calls.empty()) return;
  v1::Model model;
  model.set_render_profile_json("{\"profile\":1}");
  vlm_client_.model_calls.front()(model);
}

std::vector<v1::AskResponse> FlowFixture::Events(v1::AskResponse::EventCase kind) const {
  std::vector<v1::AskResponse> events;
  for (const v1::AskResponse& event : sink_->events) {
    if (event.event_case() == kind) events.push_back(event);
  }
  return events;
}

void FlowFixture::SendTokens(const std::vector<std::pair<uint32_t, std::string>>& tokens) {
  v1::GenerateResponse response;
  for (const auto& [id, text] : tokens) {
    v1::Token& token = *response.mutable_tokens()->add_tokens();
    token.set_id(id);
    token.set_text(text);
  }
  generate().Send(response);
}

void FlowFixture::SendDecision(uint32_t page_index, v1::PageAnswer answer) {
  v1::GenerateResponse response;
  response.mutable_page_decision()->set_page_index(page_index);
  response.mutable_page_decision()->set_answer(answer);
  generate().Send(response);
}

void FlowFixture::FinishGenerate() {
  v1::GenerateResponse response;
  response.mutable_finished()->set_reason(v1::FINISH_REASON_STOP);
  generate().Send(response);
  generate().End(absl::OkStatus());
}

v1::AskRequest FlowFixture::DocumentRequest() {
  v1::AskRequest request;
  request.add_parts()->mutable_document()->set_text("a long text");
  request.add_parts()->set_text("What is it?");
  return request;
}

v1::RenderResponse FlowFixture::Plan(uint32_t max_pages, uint64_t characters) {
  v1::RenderResponse response;
  response.mutable_plan()->set_max_pages(max_pages);
  response.mutable_plan()->set_max_visual_tokens(max_pages * 10);
  response.mutable_plan()->set_characters(characters);
  return response;
}

v1::RenderResponse FlowFixture::Page() {
  v1::RenderResponse response;
  response.mutable_page()->set_page_key(std::string(32, 'k'));
  response.mutable_page()->set_format(v1::PIXEL_FORMAT_GRAY8);
  response.mutable_page()->set_width_px(56);
  response.mutable_page()->set_height_px(28);
  return response;
}

v1::RenderResponse FlowFixture::Strip() {
  v1::RenderResponse response;
  response.mutable_strip()->set_pixels(std::string(56 * 28, '\xff'));
  return response;
}

v1::RenderResponse FlowFixture::SourceMap() {
  v1::RenderResponse response;
  response.mutable_source_map()->add_boxes()->set_source_end(11);
  return response;
}

v1::RenderResponse FlowFixture::Done(uint32_t pages) {
  v1::RenderResponse response;
  response.mutable_done()->set_pages(pages);
  response.mutable_done()->set_characters(100);
  response.mutable_done()->set_render_ms(2.5);
  return response;
}

}  // namespace glyph::gateway
