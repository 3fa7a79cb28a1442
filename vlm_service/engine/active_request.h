#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "vlm_service/engine/event_sink.h"
#include "vlm_service/engine/output_text.h"
#include "vlm_service/engine/request.h"

namespace glyph::vlm {

// One answer of a request.
struct ActiveSample {
  enum class State { kNotBegun, kRunning, kEnded };
  explicit ActiveSample(const std::vector<std::string>& stop) : text(stop) {}
  State state = State::kNotBegun;
  OutputText text;
  int64_t output_tokens = 0;  // forced ones included
};

// What the engine thread knows of one open request. Moments are Clock values.
struct ActiveRequest {
  ActiveRequest(const Request& request, absl::Duration now)
      : id(request.id),
        sink(request.sink),
        samples(static_cast<size_t>(request.num_samples), ActiveSample(request.stop)),
        max_prompt_tokens(request.max_prompt_tokens),
        max_output_tokens(request.max_output_tokens),
        begun(now),
        deadline(now + request.timeout) {}

  const std::string id;
  const std::shared_ptr<EventSink> sink;
  std::vector<ActiveSample> samples;
  const int64_t max_prompt_tokens;
  const int64_t max_output_tokens;

  const absl::Duration begun;
  const absl::Duration deadline;
  absl::Duration admitted;
  absl::Duration prompt_complete;
  absl::Duration first_token;
  absl::Duration vision_time;

  bool has_first_token = false;
  int64_t prompt_tokens = 0;
  int64_t visual_tokens = 0;
  int64_t cached_tokens = 0;
  int64_t preemptions = 0;
};

}  // namespace glyph::vlm
