#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "gateway/routing/render_client.h"

namespace glyph::gateway {

// One document or image of a request on its way through the renderer. Hands the call's events out
// one at a time, on demand, and checks their order: plan, (page, strip+, source_map*)*, done. Runs
// on the strand of its flow.
class PartRender {
 public:
  // An event, or why there are no more.
  using Callback = std::function<void(absl::StatusOr<v1::RenderResponse>)>;

  // `part_index`: index into AskRequest.parts. Errors name `source_path` as the offending field.
  PartRender(uint32_t part_index, std::string source_path);

  // The running call; its listener leads to HandleEvent and HandleDone. Once, before Next.
  void Attach(std::unique_ptr<RenderCall> call);

  // Asks for the next event; one at a time, not after `done`.
  void Next(Callback callback);

  void HandleEvent(v1::RenderResponse event);
  void HandleDone(const absl::Status& status);
  void Cancel();

  uint32_t part_index() const { return part_index_; }
  const std::string& source_path() const { return source_path_; }
  // The renderer's bounds; default until the first event.
  const v1::RenderPlan& plan() const { return plan_; }

 private:
  enum class Stage { kPlan, kBetweenPages, kInPage, kDone };

  // False when `event` may not come now; moves on otherwise.
  bool Advance(const v1::RenderResponse& event);

  const uint32_t part_index_;
  const std::string source_path_;
  std::unique_ptr<RenderCall> call_;
  Callback callback_;  // set while an event is asked for
  Stage stage_ = Stage::kPlan;
  bool ended_ = false;
  absl::Status end_status_;  // why, once ended
  v1::RenderPlan plan_;
};

}  // namespace glyph::gateway
