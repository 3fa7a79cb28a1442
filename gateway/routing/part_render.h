#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/routing/flow_services.h"
#include "gateway/routing/strand.h"
#include "gateway/routing/upstream_call.h"

namespace glyph::gateway {

// One document or image of a request on its way through the renderer. Hands the call's events out
// one at a time, on demand, and checks their order: plan, (page, strip+, source_map*)*, done. When
// the renderer goes away under it, the call is made again (Outage), and what had been handed out is
// skipped: same source, same pages. Runs on the strand of its flow.
class PartRender {
 public:
  // An event, or why there are no more.
  using Callback = std::function<void(absl::StatusOr<v1::RenderResponse>)>;

  // What is drawn.
  struct Job {
    v1::RenderStart start;
    std::shared_ptr<const std::string> source;
    UpstreamCall call;
    uint32_t part_index;      // into AskRequest.parts
    std::string source_path;  // the field that errors name
  };

  // Opens the call. `post` goes to the strand of the flow, for as long as this object lives.
  PartRender(const FlowServices& services, Job job, Poster post);

  // Asks for the next event; one at a time, not after `done`.
  void Next(Callback callback);
  void Cancel() { call_->Cancel(); }

  uint32_t part_index() const { return job_.part_index; }
  const std::string& source_path() const { return job_.source_path; }
  // The renderer's bounds; default until the first event.
  const v1::RenderPlan& plan() const { return plan_; }

 private:
  enum class Stage { kPlan, kBetweenPages, kInPage, kDone };

  void Open();
  void HandleEvent(v1::RenderResponse event);
  // The call has ended, and an event is asked for.
  void HandleEnd();
  void Reopen();
  // False when `event` may not come now; moves on otherwise.
  bool Advance(const v1::RenderResponse& event);
  // An event that was handed out before the call broke: false when it was another one.
  bool Repeats(const v1::RenderResponse& event);
  void Remember(const v1::RenderResponse& event);
  absl::Status EndStatus() const;

  RenderClient& client_;
  const Job job_;
  const Poster post_;
  Outage outage_;
  std::unique_ptr<RenderCall> call_;
  Callback callback_;  // set while an event is asked for
  Stage stage_ = Stage::kPlan;
  bool ended_ = false;
  absl::Status end_status_;  // why, once ended
  v1::RenderPlan plan_;
  std::vector<std::string> page_keys_;  // of the pages handed out
  size_t num_passed_ = 0;               // events handed out
  size_t num_repeated_ = 0;             // of them, those that came again
  size_t num_repeated_pages_ = 0;
};

}  // namespace glyph::gateway
