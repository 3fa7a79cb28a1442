#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "proto/base/mutex.h"
#include "vlm_service/engine/event_sink.h"

namespace glyph::vlm {

// Notes every event of one request and checks their order: admitted first, tokens without gap or
// double, one end and nothing after it. Thread-safe.
class RecordingSink : public EventSink {
 public:
  // `on_token` is called after each token, on the engine thread.
  explicit RecordingSink(std::function<void(int64_t index)> on_token = [](int64_t) {});

  void OnAdmitted(const AdmittedEvent& event) override;
  void OnPageEncoded(const PageEncodedEvent& event) override;
  void OnToken(const TokenEvent& event) override;
  void OnFinished(const FinishedEvent& event) override;
  void OnError(const absl::Status& status) override;

  // Each waits for its event, or for the end.
  void AwaitAdmitted();
  void AwaitPages(size_t count);
  void AwaitTokens(size_t count);
  // Waits for the end: OK when finished.
  absl::Status AwaitEnd();

  bool ended() const;
  bool admitted() const;
  std::vector<int32_t> tokens() const;
  std::vector<PageEncodedEvent> pages() const;
  // Text of all tokens and the tail.
  std::string text() const;
  // Empty until finished.
  std::optional<FinishedEvent> finished() const;
  AdmittedEvent admission() const;

 private:
  void End(absl::Status status) GLYPH_REQUIRES(mutex_);

  const std::function<void(int64_t)> on_token_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::optional<AdmittedEvent> admission_ GLYPH_GUARDED_BY(mutex_);
  std::vector<PageEncodedEvent> pages_ GLYPH_GUARDED_BY(mutex_);
  std::vector<int32_t> tokens_ GLYPH_GUARDED_BY(mutex_);
  std::string text_ GLYPH_GUARDED_BY(mutex_);
  std::optional<FinishedEvent> finished_ GLYPH_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ GLYPH_GUARDED_BY(mutex_);
};

}  // namespace glyph::vlm
