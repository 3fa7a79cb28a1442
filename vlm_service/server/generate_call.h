#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "glyph/v1/vlm.grpc.pb.h"
#include "grpcpp/alarm.h"
#include "proto/base/mutex.h"
#include "vlm_service/engine/engine.h"
#include "vlm_service/prompt/prompt_builder.h"
#include "vlm_service/server/generate_events.h"
#include "vlm_service/server/output_queue.h"
#include "vlm_service/server/page_receiver.h"
#include "vlm_service/server/prompt_fragments.h"
#include "vlm_service/server/served_model.h"

namespace glyph::vlm {

// What every call needs; outlives them all.
struct CallEnvironment {
  Engine& engine;
  const ServedModel& model;
  const PromptBuilder& prompts;
  // A reader that takes no message for so long is cut.
  absl::Duration stall_timeout = absl::Seconds(30);
};

// One Generate call: reads the prompt, hands it to the engine and writes what the engine says. One
// read and one write are in flight at most. gRPC's threads call the On...Done functions, the engine
// thread the sink's; none of them waits.
// Lives until gRPC is done with it and the engine has told it the end of its request.
class GenerateCall : public grpc::ServerBidiReactor<v1::GenerateRequest, v1::GenerateResponse>,
                     public EventSink,
                     public std::enable_shared_from_this<GenerateCall> {
 public:
  // `default_id` is the request's id when the client names none.
  GenerateCall(const CallEnvironment& environment, grpc::CallbackServerContext& context,
               std::string default_id);
  // Call once, before the reactor is returned to gRPC.
  void Start();

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void OnAdmitted(const AdmittedEvent& event) override;
  void OnPageDecision(const PageDecisionEvent& event) override;
  void OnPageEncoded(const PageEncodedEvent& event) override;
  void OnToken(const TokenEvent& event) override;
  void OnSampleFinished(const SampleFinishedEvent& event) override;
  void OnFinished(const FinishedEvent& event) override;
  void OnError(const absl::Status& status) override;

 private:
  absl::Status HandleRequest();
  absl::Status HandleStart(const v1::GenerateStart& start);
  absl::Status HandleOffer(const v1::PageOffer& offer);
  absl::Status HandleStrip(const v1::PageStrip& strip);
  absl::Status HandleHalfClose();
  absl::Duration Timeout() const;

  // Ends the call with `status` after what is queued; the first end counts.
  void End(const absl::Status& status) GLYPH_REQUIRES(mutex_);
  void EndAndAbort(const absl::Status& status);
  // Ends the call of a reader that is too slow, and drops what it has not read.
  void CutReader(const std::string& why) GLYPH_REQUIRES(mutex_);
  void MaybeWrite() GLYPH_REQUIRES(mutex_);
  // Looks at the write in flight again when it will have lasted for the stall timeout.
  void SetStallAlarm() GLYPH_REQUIRES(mutex_);
  void OnStallAlarm();

  const CallEnvironment environment_;
  grpc::CallbackServerContext& context_;
  std::shared_ptr<GenerateCall> self_;  // until OnDone

  // Of the reading side: one read callback runs at a time.
  v1::GenerateRequest request_;
  std::unique_ptr<PageReceiver> pages_;
  std::unique_ptr<PromptFragments> prompt_;
  std::string tenant_;

  base::Mutex mutex_;
  std::string request_id_ GLYPH_GUARDED_BY(mutex_);
  std::optional<SequenceId> sequence_ GLYPH_GUARDED_BY(mutex_);  // once the engine took it
  int32_t num_samples_ GLYPH_GUARDED_BY(mutex_) = 1;
  bool greedy_ GLYPH_GUARDED_BY(mutex_) = false;
  bool with_logprobs_ GLYPH_GUARDED_BY(mutex_) = false;
  bool offer_waits_ GLYPH_GUARDED_BY(mutex_) = false;
  bool skips_page_ GLYPH_GUARDED_BY(mutex_) = false;  // pages_ must hear that it is known
  AnswerEnd answer_end_ GLYPH_GUARDED_BY(mutex_);
  OutputQueue output_ GLYPH_GUARDED_BY(mutex_);
  v1::GenerateResponse response_ GLYPH_GUARDED_BY(mutex_);  // being written
  bool writing_ GLYPH_GUARDED_BY(mutex_) = false;
  std::chrono::steady_clock::time_point write_began_ GLYPH_GUARDED_BY(mutex_);
  // A new one each time: its callback, which holds this call, may still be returning.
  std::unique_ptr<grpc::Alarm> stall_alarm_ GLYPH_GUARDED_BY(mutex_);
  bool stall_alarm_is_set_ GLYPH_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> end_ GLYPH_GUARDED_BY(mutex_);
  bool finish_called_ GLYPH_GUARDED_BY(mutex_) = false;
};

}  // namespace glyph::vlm
