#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/routing/answer.h"
#include "gateway/routing/page_pump.h"
#include "gateway/routing/part_render.h"
#include "gateway/routing/profile_resolver.h"
#include "gateway/routing/prompt_plan.h"
#include "gateway/routing/strand.h"

namespace glyph::gateway {

// What every flow works with. All outlive the flows.
struct FlowServices {
  RenderClient& render;
  VlmClient& vlm;
  ProfileResolver& profiles;
  GatewayMetrics& metrics;
  Clock now;
};

// The one orchestration: a request in, its answer out, while pages flow from the renderer to the
// model (README.md, "Life of a request"):
//   profile -> renders opened, their plans read -> generation started -> pages -> tokens -> end.
// The first error, the client's cancellation or the model's last token ends it, exactly once, and
// cancels whatever still runs. Everything happens on one strand; public methods are thread-safe.
//   auto flow = DocumentFlow::Create(services, std::move(request), call, sink);
//   flow->Start();
class DocumentFlow : public std::enable_shared_from_this<DocumentFlow> {
 public:
  // `request` is valid (ask_validation.h) and has an id. `call` goes with the upstream calls.
  // No event reaches `sink` after its End.
  static std::shared_ptr<DocumentFlow> Create(const FlowServices& services, v1::AskRequest request,
                                              UpstreamCall call, std::shared_ptr<AnswerSink> sink);

  void Start();
  // The client went away.
  void Cancel();
  // The sink is no longer congested.
  void Resume();

 private:
  DocumentFlow(const FlowServices& services, v1::AskRequest request, UpstreamCall call,
               std::shared_ptr<AnswerSink> sink);

  // Wraps `work` so that it runs on the strand, keeps the flow alive, and is skipped after the end.
  void Post(std::function<void()> work);

  void ResolveProfile();
  void OpenRenders(const v1::RenderOptions& options);
  void OpenRender(v1::AskPart& part, uint32_t part_index, const v1::RenderOptions& options);
  void HandlePlan(const absl::Status& status);
  void StartGenerate();
  void HandlePagesEnd(const absl::Status& status);
  void ReadGenerate();
  void HandleGenerate(v1::GenerateResponse event);
  void HandleGenerateDone(const absl::Status& status);
  // So far the request took so many tokens; its key pays.
  void ChargeTokens(uint64_t total);
  void End(const absl::Status& status);
  void LogEnd(const absl::Status& status) const;

  const FlowServices services_;
  const UpstreamCall call_;
  Strand strand_;
  v1::AskRequest request_;  // its documents and images move to the renderer
  const std::shared_ptr<AnswerSink> sink_;
  Answer answer_;
  std::vector<std::unique_ptr<PartRender>> renders_;
  size_t num_plans_missing_ = 0;
  std::unique_ptr<GenerateCall> generate_;
  std::optional<PagePump> pump_;
  bool pages_complete_ = false;
  bool generate_paused_ = false;  // not reading the model until the sink drains
  bool was_paused_ = false;       // at some time
  std::optional<v1::GenerateFinished> finished_;
  uint64_t charged_tokens_ = 0;
  bool ended_ = false;
};

}  // namespace glyph::gateway
