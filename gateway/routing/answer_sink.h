#pragma once
#include "absl/status/status.h"
#include "glyph/v1/gateway.pb.h"

namespace glyph::gateway {

// Where the events of one answer go. The flow calls it from one thread at a time.
class AnswerSink {
 public:
  virtual ~AnswerSink() = default;
  // Queues one event; never blocks.
  virtual void Emit(v1::AskResponse event) = 0;
  // true: the reader is slow and much is queued. The flow stops reading from the services until the
  // sink's owner calls DocumentFlow::Resume.
  virtual bool congested() const = 0;
  // Takes back every delta so far, which is only possible while none of them is on its way to the
  // reader: else false.
  virtual bool TakeBackDeltas() { return false; }
  // The one ending, after the queued events. The sink is not used afterwards.
  virtual void End(const absl::Status& status) = 0;
};

}  // namespace glyph::gateway
