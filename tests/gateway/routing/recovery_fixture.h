#pragma once
#include <string>
#include <vector>

#include "proto/rpc/error.h"
#include "tests/gateway/routing/flow_fixture.h"

namespace glyph::gateway {

inline const absl::Status kGone = absl::UnavailableError("Socket closed");

// A flow whose services go away and come back.
class RecoveryFixture : public FlowFixture {
 protected:
  RecoveryFixture() {
    patience_ = absl::Seconds(30);
    readiness_.Set(Upstream::kRender, true);
    readiness_.Set(Upstream::kVlm, true);
  }

  static v1::AskRequest TextRequest() {
    v1::AskRequest request;
    request.add_parts()->set_text("Hello?");
    return request;
  }
  void SendAdmitted(bool greedy) {
    v1::GenerateResponse response;
    response.mutable_admitted()->set_greedy(greedy);
    generate().Send(response);
  }
  // Lets the pause before the next try pass.
  void Wait(absl::Duration duration = absl::Seconds(5)) { timer_.RunDue(now_ += duration); }
  void AnswerModel() {
    v1::Model model;
    model.set_render_profile_json("{\"profile\":1}");
    vlm_client_.model_calls.back()(model);
  }
  std::string Text() const {
    std::string text;
    for (const auto& event : Events(v1::AskResponse::kDelta)) text += event.delta().text();
    return text;
  }
  std::vector<uint32_t> Ids() const {
    std::vector<uint32_t> ids;
    for (const auto& event : Events(v1::AskResponse::kDelta)) {
      ids.insert(ids.end(), event.delta().token_ids().begin(), event.delta().token_ids().end());
    }
    return ids;
  }
  double Retries(const std::string& service, const std::string& kind) const {
    for (const auto& family : registry_.Collect()) {
      if (family.name != "glyph_upstream_retries_total") continue;
      for (const auto& metric : family.metric) {
        if (metric.label[0].value == kind && metric.label[1].value == service) {
          return metric.counter.value;
        }
      }
    }
    return -1;
  }
  const google::protobuf::RepeatedField<uint32_t>& Forced() {
    return generate().writes.at(0).start().forced_output_ids();
  }
};

}  // namespace glyph::gateway
