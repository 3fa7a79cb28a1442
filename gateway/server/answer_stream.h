#pragma once
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <utility>

#include "gateway/routing/answer_sink.h"
#include "glyph/v1/gateway.pb.h"
#include "proto/base/mutex.h"

namespace glyph::gateway {

// The events of one answer on their way to the client: one write in flight, the others queued,
// deltas that wait behind each other merged into one. Sees no gRPC: its owner lends it a transport.
// Thread-safe.
class AnswerStream final : public AnswerSink {
 public:
  struct Transport {
    std::function<void(const v1::AskResponse&)>
        write;                                        // ends with OnWritten; never calls it inline
    std::function<void(const absl::Status&)> finish;  // once, last
  };

  // Above this many queued bytes the stream is congested.
  static constexpr size_t kCongestedBytes = 256 << 10;
  // Largest text one merged delta grows to.
  static constexpr size_t kMaxDeltaBytes = 64 << 10;
  // Most tokens with log-probabilities of one merged delta: about 100 KiB.
  static constexpr int kMaxDeltaLogprobs = 512;

  explicit AnswerStream(Transport transport) : transport_(std::move(transport)) {}

  void Emit(v1::AskResponse event) override GLYPH_EXCLUDES(mutex_);
  bool congested() const override GLYPH_EXCLUDES(mutex_);
  void End(const absl::Status& status) override GLYPH_EXCLUDES(mutex_);

  // The write in flight ended. `ok` false: the client is gone, what is queued is dropped. Returns
  // true when this ended a congestion.
  bool OnWritten(bool ok) GLYPH_EXCLUDES(mutex_);

 private:
  // True when `event` is a delta that fitted into one of its sample behind all other events.
  bool Merge(const v1::AskResponse& event) GLYPH_REQUIRES(mutex_);
  void WriteNext() GLYPH_REQUIRES(mutex_);

  const Transport transport_;
  mutable base::Mutex mutex_;
  std::deque<v1::AskResponse> queue_ GLYPH_GUARDED_BY(mutex_);
  size_t queued_bytes_ GLYPH_GUARDED_BY(mutex_) = 0;
  v1::AskResponse in_flight_ GLYPH_GUARDED_BY(mutex_);
  bool writing_ GLYPH_GUARDED_BY(mutex_) = false;
  bool broken_ GLYPH_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> end_status_ GLYPH_GUARDED_BY(mutex_);
};

}  // namespace glyph::gateway
