#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "vlm_service/engine/event_sink.h"
#include "vlm_service/scheduler/sequence.h"

namespace glyph::vlm {

// Monotonic time since some fixed moment; never the wall clock. Thread-safe.
using Clock = std::function<absl::Duration()>;

// A request as gRPC threads hand it in; already validated.
struct Request {
  std::string id;  // unique among open requests
  int64_t max_prompt_tokens = 0;
  int64_t max_visual_tokens = 0;
  int64_t max_output_tokens = 1;
  SamplingParams sampling;
  std::vector<std::string> stop;  // valid UTF-8, none empty
  absl::Duration timeout = absl::InfiniteDuration();
  std::shared_ptr<EventSink> sink;
};

// What gRPC threads ask of the engine thread.
struct BeginCommand {
  SequenceId sequence;
  Request request;
  absl::Duration begun;  // Clock
};
struct AddPageCommand {
  SequenceId sequence;
  std::shared_ptr<const PageImage> image;
  PageGrid grid;
};
struct FinishPromptCommand {
  SequenceId sequence;
  std::shared_ptr<const Prompt> prompt;
};
struct CancelCommand {
  SequenceId sequence;
  absl::Status failure;  // OK: the client's wish
};
using Command = std::variant<BeginCommand, AddPageCommand, FinishPromptCommand, CancelCommand>;

}  // namespace glyph::vlm
