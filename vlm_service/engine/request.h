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
  int64_t max_output_tokens = 1;  // of each sample, forced ones included
  SamplingParams sampling;
  int32_t num_samples = 1;                 // 1 to kMaxSamples; sample k draws with seed + k
  std::vector<int32_t> forced_output_ids;  // the answer goes on after these; only with one sample
  int32_t priority = 0;                    // higher runs first
  std::string tenant;                      // shares caches with nobody else
  std::vector<std::string> stop;           // valid UTF-8, none empty
  absl::Duration timeout = absl::InfiniteDuration();
  std::shared_ptr<EventSink> sink;
};

inline constexpr int32_t kMaxSamples = 8;

// What gRPC threads ask of the engine thread. A request is named by the sequence of its first
// sample; those of the others follow it.
struct BeginCommand {
  SequenceId sequence;
  Request request;
  absl::Duration begun;  // Clock
};
struct OfferPageCommand {
  SequenceId sequence;
  ContentHash name;
  Prompt fragment;  // ends with the page
};
struct AddPageCommand {
  SequenceId sequence;
  std::shared_ptr<const PageImage> image;
};
struct FinishPromptCommand {
  SequenceId sequence;
  Prompt fragment;  // the rest
};
struct CancelCommand {
  SequenceId sequence;
  absl::Status failure;  // OK: the client's wish
};
using Command = std::variant<BeginCommand, OfferPageCommand, AddPageCommand, FinishPromptCommand,
                             CancelCommand>;

}  // namespace glyph::vlm
