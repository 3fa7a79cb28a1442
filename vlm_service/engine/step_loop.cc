#include "vlm_service/engine/step_loop.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/base/check.h"
#include "proto/base/logging.h"
#include "proto/rpc/error.h"

namespace glyph::vlm {
namespace {

absl::Status DeadlineExceeded(absl::Duration after) {
  return rpc::MakeError(absl::StatusCode::kDeadlineExceeded,
                        {.reason = "DEADLINE_EXCEEDED", .field = "", .retry_after = {}},
                        absl::StrCat("the deadline passed ", absl::ToInt64Milliseconds(after),
                                     " ms after the request began; allow more time"));
}

absl::Status Cancelled() {
  return rpc::MakeError(absl::StatusCode::kCancelled,
                        {.reason = "CANCELLED", .field = "", .retry_after = {}},
                        "the client cancelled the request");
}

absl::Status Internal(const char* reason, const std::string& message) {
  return rpc::MakeError(absl::StatusCode::kInternal,
                        {.reason = reason, .field = "", .retry_after = {}}, message);
}

}  // namespace

SchedulerLimits SchedulerLimitsOf(const ExecutorLimits& limits) {
  return {.num_blocks = limits.num_blocks,
          .block_tokens = limits.block_tokens,
          .num_slots = limits.max_slots,
          .vision_tokens = limits.max_vision_tokens,
          .context_tokens = limits.context_tokens};
}

StepLoop::StepLoop(StepExecutor& executor, const StepBudget& budget, TokenMeaning tokens,
                   Clock clock, RequestDoor& door, Statistics& statistics)
    : executor_(executor),
      tokens_(std::move(tokens)),
      clock_(std::move(clock)),
      door_(door),
      statistics_(statistics),
      scheduler_(SchedulerLimitsOf(executor.limits()), budget) {
  Publish();
}

void StepLoop::Apply(Command command) {
  if (auto* begin = std::get_if<BeginCommand>(&command)) Begin(std::move(*begin));
  if (auto* page = std::get_if<AddPageCommand>(&command)) AddPage(std::move(*page));
  if (auto* prompt = std::get_if<FinishPromptCommand>(&command)) FinishPrompt(std::move(*prompt));
  if (auto* cancel = std::get_if<CancelCommand>(&command)) Cancel(*cancel);
}

void StepLoop::Begin(BeginCommand command) {
  SequenceSpec spec;
  spec.id = command.sequence;
  spec.max_prompt_tokens = command.request.max_prompt_tokens;
  spec.max_visual_tokens = command.request.max_visual_tokens;
  spec.max_output_tokens = command.request.max_output_tokens;
  spec.sampling = command.request.sampling;
  scheduler_.Enqueue(spec);
  requests_.emplace(spec.id, ActiveRequest(std::move(command.request), command.begun));
}

void StepLoop::AddPage(AddPageCommand command) {
  if (!requests_.contains(command.sequence)) return;
  scheduler_.AddPage(command.sequence, std::move(command.image), command.grid);
}

void StepLoop::FinishPrompt(FinishPromptCommand command) {
  const auto found = requests_.find(command.sequence);
  if (found == requests_.end()) return;
  ActiveRequest& request = found->second;
  request.prompt_tokens = static_cast<int64_t>(command.prompt->ids.size());
  for (const PromptPage& page : command.prompt->pages) {
    request.visual_tokens += page.grid.num_tokens();
  }
  if (request.prompt_tokens > request.max_prompt_tokens) {
    Fail(command.sequence,
         Internal(
             "PROMPT_BOUND_EXCEEDED",
             absl::StrCat("the prompt has ", request.prompt_tokens, " tokens, above its bound of ",
                          request.max_prompt_tokens, "; this is a fault of the server")));
    return;
  }
  request.prompt_complete = clock_();
  scheduler_.FinishPrompt(command.sequence, std::move(command.prompt));
}

void StepLoop::Cancel(const CancelCommand& command) {
  const auto found = requests_.find(command.sequence);
  if (found == requests_.end()) return;
  // A call whose deadline passed is cancelled by gRPC, often before this loop looks at the clock.
  const absl::Duration now = clock_();
  if (!command.failure.ok()) {
    Fail(command.sequence, command.failure);
  } else if (now >= found->second.deadline) {
    Fail(command.sequence, DeadlineExceeded(now - found->second.begun));
  } else {
    const ActiveRequest ended = TakeEnded(command.sequence, counts_.cancelled);
    ended.sink->OnError(Cancelled());
  }
}

void StepLoop::ExpireDeadlines() {
  const absl::Duration now = clock_();
  std::vector<SequenceId> expired;
  for (const auto& [sequence, request] : requests_) {
    if (now >= request.deadline) expired.push_back(sequence);
  }
  for (const SequenceId sequence : expired) {
    Fail(sequence, DeadlineExceeded(now - requests_.at(sequence).begun));
  }
}

absl::Duration StepLoop::next_deadline() const {
  absl::Duration next = absl::InfiniteDuration();
  for (const auto& [sequence, request] : requests_) next = std::min(next, request.deadline);
  return next;
}

absl::StatusOr<bool> StepLoop::Step() {
  AdmitWaiting();
  StepPlan plan = scheduler_.Plan();
  if (plan.empty()) return false;
  executor_.Submit(std::move(plan));
  const absl::StatusOr<StepResult> result = executor_.Collect();
  const CommittedStep step = scheduler_.Commit();
  if (!result.ok()) {
    base::LogError("step_failed", {{"status", std::string(result.status().message())}});
    return rpc::Unavailable("EXECUTOR_FAILED", absl::Seconds(5),
                            "the model stopped working and this server restarts; retry later");
  }
  GLYPH_CHECK(result->tokens.size() == step.rows.size());
  ++counts_.steps;
  counts_.prompt_tokens += step.prefilled_tokens;
  ReportPages(step, *result);
  for (size_t i = 0; i < step.rows.size(); ++i) ReportToken(step.rows[i], result->tokens[i]);
  Publish();
  return true;
}

void StepLoop::AdmitWaiting() {
  const std::vector<Admission> admissions = scheduler_.Admit();
  if (admissions.empty()) return;
  Publish();
  for (const Admission& admission : admissions) {
    ActiveRequest& request = requests_.at(admission.id);
    door_.Admit(request.id);
    request.admitted = clock_();
    request.sink->OnAdmitted({.reserved_tokens = admission.reserved_tokens,
                              .queue_time = request.admitted - request.begun});
  }
}

void StepLoop::ReportPages(const CommittedStep& step, const StepResult& result) {
  SequenceId last{-1};
  for (const CommittedStep::Page& page : step.encoded) {
    ActiveRequest& request = requests_.at(page.sequence);
    // The pages of a sequence stand together; the step's time counts once.
    if (page.sequence != last) request.vision_time += absl::Milliseconds(result.vision_ms);
    last = page.sequence;
    ++counts_.pages_encoded;
    request.sink->OnPageEncoded({.page_index = page.index, .visual_tokens = page.visual_tokens});
  }
}

void StepLoop::ReportToken(SequenceId sequence, const SampledToken& sampled) {
  ActiveRequest& request = requests_.at(sequence);
  if (!sampled.finite) {
    Fail(sequence, Internal("NON_FINITE_LOGITS",
                            "the model produced numbers that are not finite; retry, and report "
                            "the request_id if it happens again"));
    return;
  }
  ++counts_.output_tokens;
  if (request.output_tokens == 0) request.first_token = clock_();
  const bool stop_id = tokens_.stop_ids.contains(sampled.token);
  OutputText::Piece piece;
  if (!stop_id) piece = request.text.Append(tokens_.bytes(sampled.token));
  request.sink->OnToken(
      {.index = request.output_tokens++, .id = sampled.token, .text = std::move(piece.text)});
  if (stop_id) {
    Finish(sequence, FinishReason::kStop, request.text.Tail());
  } else if (piece.stopped) {
    Finish(sequence, FinishReason::kStopString, "");
  } else if (request.output_tokens == request.max_output_tokens) {
    Finish(sequence, FinishReason::kLength, request.text.Tail());
  }
}

void StepLoop::Finish(SequenceId sequence, FinishReason reason, std::string tail_text) {
  const absl::Duration now = clock_();
  const ActiveRequest request = TakeEnded(sequence, counts_.finished);
  request.sink->OnFinished(
      {.reason = reason,
       .tail_text = std::move(tail_text),
       .prompt_tokens = request.prompt_tokens,
       .visual_tokens = request.visual_tokens,
       .output_tokens = request.output_tokens,
       .queue_time = request.admitted - request.begun,
       .vision_time = request.vision_time,
       .prefill_time = request.first_token - std::max(request.prompt_complete, request.admitted),
       .decode_time = now - request.first_token});
}

void StepLoop::Fail(SequenceId sequence, const absl::Status& status) {
  const ActiveRequest request = TakeEnded(sequence, counts_.failed);
  request.sink->OnError(status);
}

ActiveRequest StepLoop::TakeEnded(SequenceId sequence, int64_t& counter) {
  auto node = requests_.extract(sequence);
  GLYPH_CHECK(!node.empty());
  scheduler_.Finish(sequence);
  door_.Leave(node.mapped().id);
  ++counter;
  Publish();
  return std::move(node.mapped());
}

void StepLoop::EndAll(const absl::Status& status) {
  while (!requests_.empty()) Fail(requests_.begin()->first, status);
}

void StepLoop::Publish() {
  counts_.running = scheduler_.num_admitted();
  counts_.kv_blocks_used = scheduler_.num_used_blocks();
  statistics_.Publish(counts_, executor_.memory(), clock_());
}

}  // namespace glyph::vlm
