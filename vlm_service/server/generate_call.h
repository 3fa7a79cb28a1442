#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "glyph/v1/vlm.grpc.pb.h"
#include "proto/base/mutex.h"
#include "vlm_service/engine/engine.h"
#include "vlm_service/prompt/prompt_builder.h"
#include "vlm_service/server/output_queue.h"
#include "vlm_service/server/page_receiver.h"
#include "vlm_service/server/served_model.h"

namespace glyph::vlm {

// What every call needs; outlives them all.
struct CallEnvironment {
  Engine& engine;
  const ServedModel& model;
  const PromptBuilder& prompts;
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
  void OnPageEncoded(const PageEncodedEvent& event) override;
  void OnToken(const TokenEvent& event) override;
  void OnFinished(const FinishedEvent& event) override;
  void OnError(const absl::Status& status) override;

 private:
  absl::Status HandleRequest();
  absl::Status HandleStart(const v1::GenerateStart& start);
  absl::Status HandleOffer(const v1::PageOffer& offer);
  absl::Status HandleStrip(const v1::PageStrip& strip);
  absl::Status HandleHalfClose();
  absl::Duration Timeout() const;

  // Answers the offer that waits, when the engine can take the page.
  void GrantPage() GLYPH_REQUIRES(mutex_);
  // Ends the call with `status` after what is queued; the first end counts.
  void End(const absl::Status& status) GLYPH_REQUIRES(mutex_);
  void EndAndAbort(const absl::Status& status);
  void MaybeWrite() GLYPH_REQUIRES(mutex_);

  const CallEnvironment environment_;
  grpc::CallbackServerContext& context_;
  std::shared_ptr<GenerateCall> self_;  // until OnDone

  // Of the reading side: one read callback runs at a time.
  v1::GenerateRequest request_;
  std::unique_ptr<PageReceiver> pages_;

  base::Mutex mutex_;
  std::string request_id_ GLYPH_GUARDED_BY(mutex_);
  std::optional<SequenceId> sequence_ GLYPH_GUARDED_BY(mutex_);  // once the engine took it
  bool admitted_ GLYPH_GUARDED_BY(mutex_) = false;
  bool offer_waits_ GLYPH_GUARDED_BY(mutex_) = false;
  int32_t num_granted_ GLYPH_GUARDED_BY(mutex_) = 0;
  int32_t num_encoded_ GLYPH_GUARDED_BY(mutex_) = 0;
  bool profile_mismatch_ GLYPH_GUARDED_BY(mutex_) = false;
  OutputQueue output_ GLYPH_GUARDED_BY(mutex_);
  v1::GenerateResponse response_ GLYPH_GUARDED_BY(mutex_);  // being written
  bool writing_ GLYPH_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> end_ GLYPH_GUARDED_BY(mutex_);
  bool finish_called_ GLYPH_GUARDED_BY(mutex_) = false;
};

}  // namespace glyph::vlm
