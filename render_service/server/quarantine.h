#pragma once
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/base/mutex.h"
#include "proto/base/sha256.h"

namespace glyph::render {

// Refuses documents that were in the hands of a worker when their renderer died, or that a worker
// did not come back from. What is being worked on is noted in a small mapped file, which outlives
// any end of the process; the next process that opens it strikes the documents it finds there. Who
// was only beside a poisonous document has one strike, so it takes two. Thread-safe.
class Quarantine {
 public:
  static constexpr int kMaxStrikes = 2;
  static constexpr absl::Duration kTime = absl::Hours(1);       // after the last strike
  static constexpr absl::Duration kMaxStep = absl::Seconds(10);  // thousand times a usual one
  static constexpr int kMaxSteps = 256;                         // at once

  // Notes one step from construction to destruction. The quarantine outlives it.
  class Step {
   public:
    Step(Quarantine& quarantine, const base::Sha256Digest& document);
    ~Step();
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;

   private:
    Quarantine& quarantine_;
    const int slot_;
  };

  // `file` is made when it is missing; empty: what is noted dies with this process.
  // FAILED_PRECONDITION: it cannot be opened, is another kind of file, or another process uses it.
  static absl::StatusOr<std::unique_ptr<Quarantine>> Open(
      const std::string& file, std::function<absl::Time()> now = absl::Now);
  ~Quarantine();
  Quarantine(const Quarantine&) = delete;
  Quarantine& operator=(const Quarantine&) = delete;

  // INVALID_ARGUMENT (DOCUMENT_QUARANTINED, `field`) when the document is refused now.
  absl::Status Check(const base::Sha256Digest& document, const std::string& field) const;

 private:
  struct Record;
  Quarantine(Record* record, int file, std::function<absl::Time()> now);

  int Enter(const base::Sha256Digest& document);
  void Leave(int slot);
  void StrikeWhatWasWorkedOn();
  void Strike(const base::Sha256Digest& document, int count) GLYPH_REQUIRES(mutex_);

  mutable base::Mutex mutex_;
  Record* const record_;  // mapped; its content is guarded by mutex_
  const int file_;        // locked while it is open; -1: none
  const std::function<absl::Time()> now_;
};

}  // namespace glyph::render
