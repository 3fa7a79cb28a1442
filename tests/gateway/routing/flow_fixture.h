#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gateway/routing/document_flow.h"
#include "gtest/gtest.h"
#include "prometheus/registry.h"
#include "tests/gateway/routing/scripted_clients.h"

namespace glyph::gateway {

// A flow between scripted services, a recording sink and a clock the test moves.
class FlowFixture : public ::testing::Test {
 protected:
  // Ends the calls that still run, as a cancelled call does.
  ~FlowFixture() override;

  // Starts a flow and, when it asks for the model, answers with one that names its profile.
  void Ask(v1::AskRequest request);

  ScriptedRender& render(size_t call) { return *render_client_.calls.at(call); }
  ScriptedGenerate& generate() { return *vlm_client_.calls.back(); }
  // What flows work with. `patience` 0: they try nothing again.
  FlowServices Services() {
    return {render_client_, vlm_client_, profiles_,
            metrics_,       clock_,      {readiness_, timer_, metrics_, clock_, patience_}};
  }
  // Events of one kind.
  std::vector<v1::AskResponse> Events(v1::AskResponse::EventCase kind) const;
  // Tokens come, one message.
  void SendTokens(const std::vector<std::pair<uint32_t, std::string>>& tokens);
  void SendDecision(uint32_t page_index, v1::PageAnswer answer);
  // The model ends its turn: finished, then the end of the stream.
  void FinishGenerate();

  // A request of one document and a question.
  static v1::AskRequest DocumentRequest();

  // Events of a renderer.
  static v1::RenderResponse Plan(uint32_t max_pages, uint64_t characters = 100);
  static v1::RenderResponse Page();
  static v1::RenderResponse Strip();
  static v1::RenderResponse SourceMap();
  static v1::RenderResponse Done(uint32_t pages);

  prometheus::Registry registry_;
  GatewayMetrics metrics_{registry_};
  ScriptedRenderClient render_client_;
  ScriptedVlmClient vlm_client_;
  ModelCache models_{vlm_client_};
  ProfileResolver profiles_{models_, ""};
  absl::Time now_ = absl::UnixEpoch();
  const Clock clock_ = [this] { return now_; };
  ScriptedTimer timer_;
  Readiness readiness_{clock_, timer_, absl::ZeroDuration()};
  absl::Duration patience_;
  const absl::Time deadline_ = absl::UnixEpoch() + absl::Minutes(1);
  std::shared_ptr<RecordingAnswerSink> sink_ = std::make_shared<RecordingAnswerSink>();
  std::shared_ptr<DocumentFlow> flow_;
};

}  // namespace glyph::gateway
