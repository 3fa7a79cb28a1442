#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proto/base/mutex.h"
#include "vlm_service/engine/event_sink.h"

namespace glyph::vlm {

// Notes every event of one request and checks their order: admitted first; pages decided and
// encoded in order, none encoded before it was decided; tokens of a sample without gap or double
// and none after its end; every sample ended before the request; one end and nothing after it.
// Thread-safe.
class RecordingSink : public EventSink {
 public:
  // What came of one sample.
  struct Sample {
    std::vector<TokenEvent> tokens;
    std::string text;  // of all tokens and the tail
    std::optional<SampleFinishedEvent> finished;
  };

  // `on_token` is called after each token, on the engine thread. `num_forced` outputs come before
  // the first token.
  explicit RecordingSink(
      std::function<void(const TokenEvent&)> on_token = [](const TokenEvent&) {},
      int64_t num_forced = 0);

  void OnAdmitted(const AdmittedEvent& event) override;
  void OnPageDecision(const PageDecisionEvent& event) override;
  void OnPageEncoded(const PageEncodedEvent& event) override;
  void OnToken(const TokenEvent& event) override;
  void OnSampleFinished(const SampleFinishedEvent& event) override;
  void OnFinished(const FinishedEvent& event) override;
  void OnError(const absl::Status& status) override;

  // Each waits for its event, or for the end.
  void AwaitAdmitted();
  // nullopt: the request ended first. True: the pixels need not be sent.
  std::optional<bool> AwaitDecision(size_t page);
  void AwaitPages(size_t count);
  void AwaitTokens(size_t count);  // of all samples
  // Waits for the end: OK when finished.
  absl::Status AwaitEnd();

  bool ended() const;
  bool admitted() const;
  // Of one sample.
  std::vector<int32_t> tokens(int32_t sample = 0) const;
  std::string text(int32_t sample = 0) const;
  Sample sample(int32_t sample = 0) const;
  std::vector<PageDecisionEvent> decisions() const;
  std::vector<PageEncodedEvent> pages() const;
  // Empty until finished.
  std::optional<FinishedEvent> finished() const;
  AdmittedEvent admission() const;

 private:
  void End(absl::Status status) GLYPH_REQUIRES(mutex_);

  const std::function<void(const TokenEvent&)> on_token_;
  const int64_t num_forced_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::optional<AdmittedEvent> admission_ GLYPH_GUARDED_BY(mutex_);
  std::vector<PageDecisionEvent> decisions_ GLYPH_GUARDED_BY(mutex_);
  std::vector<PageEncodedEvent> pages_ GLYPH_GUARDED_BY(mutex_);
  std::map<int32_t, Sample> samples_ GLYPH_GUARDED_BY(mutex_);
  size_t num_tokens_ GLYPH_GUARDED_BY(mutex_) = 0;
  std::optional<FinishedEvent> finished_ GLYPH_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ GLYPH_GUARDED_BY(mutex_);
};

}  // namespace glyph::vlm
