#pragma once
#include <cstddef>
#include <optional>

#include "absl/status/statusor.h"
#include "gateway/routing/byte_budget.h"
#include "glyph/v1/gateway.pb.h"

namespace glyph::gateway {

// Puts the messages of an AskStream call together to one AskRequest, refusing each wrong message
// when it comes. Not thread-safe.
class AskAssembler {
 public:
  // `budget` bounds what all running AskStream calls hold together; it outlives the assembler.
  explicit AskAssembler(ByteBudget& budget) : held_(budget) {}

  // INVALID_ARGUMENT naming the field; RESOURCE_EXHAUSTED when the budget is used up.
  absl::Status Add(v1::AskStreamRequest message);

  // The request, complete and valid; call once, after the client's half-close.
  absl::StatusOr<v1::AskRequest> Finish();

  // nullptr before the start message.
  const v1::AskRequest* start() const { return request_ ? &*request_ : nullptr; }

 private:
  absl::Status AddStart(v1::AskRequest start);
  absl::Status AddChunk(const v1::AskPartChunk& chunk);
  absl::Status Hold(size_t bytes);

  ByteBudget::Reservation held_;
  std::optional<v1::AskRequest> request_;
  uint32_t last_part_ = 0;
  size_t num_bytes_ = 0;  // of all parts
};

}  // namespace glyph::gateway
