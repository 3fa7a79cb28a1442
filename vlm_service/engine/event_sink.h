#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "vlm_service/sampling/sampler.h"

namespace glyph::vlm {

// The request left the queue.
struct AdmittedEvent {
  int64_t reserved_tokens = 0;  // KV tokens, whole blocks
  absl::Duration queue_time;
};

// Whether the pixels of an offered page are needed.
struct PageDecisionEvent {
  int32_t page_index = 0;  // pages of the request, from 0
  bool have = false;
};

// A page went through the encoder, or need not.
struct PageEncodedEvent {
  int32_t page_index = 0;  // pages of the request, from 0
  int64_t visual_tokens = 0;
};

// One output token.
struct TokenEvent {
  int32_t sample = 0;
  int64_t index = 0;  // of its sample, without gap from the number of forced ids on
  int32_t id = 0;
  std::string text;  // what became certain: whole UTF-8 characters, may be empty
  // Only with SamplingParams::num_logprobs.
  float logprob = 0;
  std::vector<TokenLogprob> top_logprobs;
};

enum class FinishReason {
  kStop,        // the model ended its turn
  kStopString,  // one of the request's stop strings appeared
  kLength,      // max_output_tokens
};

// One sample is complete.
struct SampleFinishedEvent {
  int32_t sample = 0;
  FinishReason reason = FinishReason::kStop;
  std::string tail_text;      // held back until now
  int64_t output_tokens = 0;  // the stop token and forced ids included
};

// Every sample is complete.
struct FinishedEvent {
  int64_t prompt_tokens = 0;
  int64_t visual_tokens = 0;
  int64_t cached_tokens = 0;    // of the prompt's: found in the KV cache
  int64_t output_tokens = 0;    // of all samples
  int64_t preemptions = 0;      // of all samples
  absl::Duration queue_time;    // begun to admitted
  absl::Duration vision_time;   // of steps that held a page of this request
  absl::Duration prefill_time;  // complete prompt and admission to first token
  absl::Duration decode_time;   // first to last token
};

// Hears of one request. Called by the engine thread, which waits for the call to return: a sink
// only notes the event and hands it on. OnAdmitted comes first; exactly one of OnFinished and
// OnError comes last (OnError alone when the request never got in), whatever happens.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void OnAdmitted(const AdmittedEvent& event) = 0;
  virtual void OnPageDecision(const PageDecisionEvent& event) = 0;
  virtual void OnPageEncoded(const PageEncodedEvent& event) = 0;
  virtual void OnToken(const TokenEvent& event) = 0;
  virtual void OnSampleFinished(const SampleFinishedEvent& event) = 0;
  virtual void OnFinished(const FinishedEvent& event) = 0;
  // CANCELLED after Engine::Cancel, the error of Engine::Abort, DEADLINE_EXCEEDED, INTERNAL
  // NON_FINITE_LOGITS, UNAVAILABLE.
  virtual void OnError(const absl::Status& status) = 0;
};

}  // namespace glyph::vlm
