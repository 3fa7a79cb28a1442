// The part of StepLoop that tells what a step did.
#include <algorithm>
#include <string>
#include <utility>

#include "proto/base/logging.h"
#include "proto/rpc/error.h"
#include "vlm_service/engine/step_loop.h"

namespace glyph::vlm {
namespace {

// So many rows within the window, and the model is not to be trusted any more.
constexpr size_t kNonFiniteLimit = 3;
constexpr absl::Duration kNonFiniteWindow = absl::Minutes(1);

}  // namespace

absl::Status StepLoop::Report(const CommittedStep& step, const StepResult& result) {
  ++counts_.steps;
  counts_.vision_ms += result.vision_ms;
  counts_.prefill_ms += result.prefill_ms;
  counts_.decode_ms += result.decode_ms;
  for (const SequenceId sequence : step.vision) {
    RequestOf(sequence)->second.vision_time += absl::Milliseconds(result.vision_ms);
  }
  TellNotices();
  for (size_t i = 0; i < step.rows.size(); ++i) {
    const std::optional<SequenceId> sequence = step.rows[i];
    if (!sequence.has_value()) continue;
    if (result.tokens[i].finite) {
      ReportToken(*sequence, result.tokens[i]);
    } else {
      GLYPH_RETURN_IF_ERROR(FailNonFinite(*sequence));
    }
  }
  Publish();
  return absl::OkStatus();
}

bool StepLoop::TellNotices() {
  const SchedulerNotices notices = scheduler_.TakeNotices();
  for (const auto& admission : notices.admissions) {
    ActiveRequest& request = RequestOf(admission.id)->second;
    if (admission.again) {
      ++request.preemptions;
      continue;
    }
    door_.Admit(request.id);
    request.admitted = clock_();
    request.sink->OnAdmitted({.reserved_tokens = admission.reserved_tokens,
                              .queue_time = request.admitted - request.begun});
  }
  for (const auto& page : notices.pages) {
    ActiveRequest& request = RequestOf(page.id)->second;
    request.sink->OnPageEncoded({.page_index = page.index, .visual_tokens = page.visual_tokens});
  }
  for (const auto& decision : notices.decisions) {
    RequestOf(decision.id)
        ->second.sink->OnPageDecision({.page_index = decision.index, .have = decision.have});
  }
  return !notices.admissions.empty() || !notices.pages.empty() || !notices.decisions.empty();
}

void StepLoop::ReportToken(SequenceId sequence, const SampledToken& sampled) {
  const auto owner = RequestOf(sequence);
  if (owner == requests_.end()) return;  // another sample of it has failed
  ActiveRequest& request = owner->second;
  const auto index = static_cast<size_t>(sequence) - static_cast<size_t>(owner->first);
  ActiveSample& sample = request.samples[index];
  sample.state = ActiveSample::State::kRunning;
  ++counts_.output_tokens;
  if (!std::exchange(request.has_first_token, true)) {
    request.first_token = clock_();
    request.cached_tokens = std::min(scheduler_.Get(sequence).num_reused, request.prompt_tokens);
  }
  const bool stop_id = tokens_.stop_ids.contains(sampled.token);
  OutputText::Piece piece;
  if (!stop_id) piece = sample.text.Append(tokens_.bytes(sampled.token));
  request.sink->OnToken({.sample = static_cast<int32_t>(index),
                         .index = sample.output_tokens++,
                         .id = sampled.token,
                         .text = std::move(piece.text),
                         .logprob = sampled.logprob,
                         .top_logprobs = sampled.top_logprobs});
  if (stop_id) {
    FinishSample(owner, index, FinishReason::kStop);
  } else if (piece.stopped) {
    FinishSample(owner, index, FinishReason::kStopString);
  } else if (sample.output_tokens == request.max_output_tokens) {
    FinishSample(owner, index, FinishReason::kLength);
  }
}

void StepLoop::FinishSample(Requests::iterator owner, size_t index, FinishReason reason) {
  ActiveSample& sample = owner->second.samples[index];
  sample.state = ActiveSample::State::kEnded;
  scheduler_.Finish(SequenceId{static_cast<int64_t>(owner->first) + static_cast<int64_t>(index)});
  const std::string tail = reason == FinishReason::kStopString ? std::string() : sample.text.Tail();
  const std::shared_ptr<EventSink> sink = owner->second.sink;
  const SampleFinishedEvent sample_finished = {.sample = static_cast<int32_t>(index),
                                               .reason = reason,
                                               .tail_text = tail,
                                               .output_tokens = sample.output_tokens};
  const auto& samples = owner->second.samples;
  if (!std::all_of(samples.begin(), samples.end(),
                   [](const auto& s) { return s.state == ActiveSample::State::kEnded; })) {
    return sink->OnSampleFinished(sample_finished);
  }
  const absl::Duration now = clock_();
  const ActiveRequest request = TakeEnded(owner, counts_.finished);
  sink->OnSampleFinished(sample_finished);
  FinishedEvent event = {
      .prompt_tokens = request.prompt_tokens,
      .visual_tokens = request.visual_tokens,
      .cached_tokens = request.cached_tokens,
      .output_tokens = 0,
      .preemptions = request.preemptions,
      .queue_time = request.admitted - request.begun,
      .vision_time = request.vision_time,
      .prefill_time = request.first_token - std::max(request.prompt_complete, request.admitted),
      .decode_time = now - request.first_token};
  for (const ActiveSample& each : request.samples) event.output_tokens += each.output_tokens;
  sink->OnFinished(event);
}

absl::Status StepLoop::FailNonFinite(SequenceId sequence) {
  const auto request = RequestOf(sequence);
  if (request != requests_.end()) {
    scheduler_.Poison(sequence);
    Fail(request,
         rpc::MakeError(absl::StatusCode::kInternal,
                        {.reason = "NON_FINITE_LOGITS", .field = "", .retry_after = {}},
                        "the model produced numbers that are not finite; retry, and report "
                        "the request_id if it happens again"));
  }
  const absl::Duration now = clock_();
  non_finite_.push_back(now);
  while (non_finite_.front() < now - kNonFiniteWindow) non_finite_.pop_front();
  if (non_finite_.size() < kNonFiniteLimit) return absl::OkStatus();
  base::LogError("non_finite_logits", {{"count", std::to_string(non_finite_.size())}});
  return rpc::Unavailable("NON_FINITE_LOGITS", absl::Seconds(5),
                          "the model keeps producing numbers that are not finite and this server "
                          "restarts; retry later");
}

}  // namespace glyph::vlm
