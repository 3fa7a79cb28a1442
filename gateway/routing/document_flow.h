#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/routing/answer.h"
#include "gateway/routing/flow_services.h"
#include "gateway/routing/outage.h"
#include "gateway/routing/page_pump.h"
#include "gateway/routing/part_render.h"
#include "gateway/routing/prompt_plan.h"
#include "gateway/routing/strand.h"

namespace glyph::gateway {

// The one orchestration: a request in, its answer out, while pages flow from the renderer to the
// model (README.md, "Life of a request"):
//   profile -> renders opened, their plans read -> generation started -> pages -> tokens -> end.
// The first error, the client's cancellation or the model's last token ends it, exactly once, and
// cancels whatever still runs. When vlm_service goes away, all of it is tried again, unless text
// went to the client that a new try might not continue (README.md, "When a service goes away").
// Everything happens on one strand; public methods are thread-safe. The owner keeps the flow until
// the sink's End.
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

  // Runs `work` on the strand, unless the flow has ended by then.
  void RunOnStrand(std::function<void()> work);
  // The same for what belongs to this try, and only while it lasts and the flow is owned.
  Poster PostInTry();

  void BeginTry();
  void OpenRenders(const v1::RenderOptions& options);
  void OpenRender(uint32_t part_index, const v1::RenderOptions& options);
  void HandlePlan(const absl::Status& status);
  void StartGenerate();
  void HandlePagesEnd(const absl::Status& status);
  void ReadGenerate();
  void HandleGenerate(v1::GenerateResponse event);
  void HandleGenerateDone(const absl::Status& status);
  // So far the request took so many tokens; its key pays.
  void ChargeTokens(uint64_t total);
  // vlm_service went away with `error`: tries again, or ends.
  void TryAgain(const absl::Status& error);
  // Whether a new try continues what the client has; forgets what it has not.
  bool CanContinue();
  void EndTry();
  void End(const absl::Status& status);
  void LogEnd(const absl::Status& status) const;

  const FlowServices services_;
  const UpstreamCall call_;
  Strand strand_;
  v1::AskRequest request_;                                   // without its documents and images
  std::vector<std::shared_ptr<const std::string>> sources_;  // these, in order
  const std::shared_ptr<AnswerSink> sink_;
  Answer answer_;
  Outage vlm_outage_;
  int num_retries_ = 0;
  bool repeatable_ = false;  // the model would say the same again
  int64_t news_at_break_ = 0;
  // Of this try.
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
