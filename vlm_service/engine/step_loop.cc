#include "vlm_service/engine/step_loop.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
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

}  // namespace

StepLoop::StepLoop(StepExecutor& executor, const StepBudget& budget, TokenMeaning tokens,
                   Clock clock, RequestDoor& door, Statistics& statistics)
    : executor_(executor),
      tokens_(std::move(tokens)),
      clock_(std::move(clock)),
      door_(door),
      statistics_(statistics),
      memory_stages_(executor.load_stages()),
      request_memory_(executor.memory(), executor.limits()),
      scheduler_(executor.limits(), budget) {
  Publish();
}

void StepLoop::Apply(Command command) {
  if (auto* begin = std::get_if<BeginCommand>(&command)) Begin(std::move(*begin));
  if (auto* offer = std::get_if<OfferPageCommand>(&command)) OfferPage(*offer);
  if (auto* page = std::get_if<AddPageCommand>(&command)) AddPage(std::move(*page));
  if (auto* prompt = std::get_if<FinishPromptCommand>(&command)) FinishPrompt(*prompt);
  if (auto* cancel = std::get_if<CancelCommand>(&command)) Cancel(*cancel);
}

void StepLoop::Begin(BeginCommand command) {
  Request& request = command.request;
  SequenceSpec spec;
  spec.id = command.sequence;
  spec.max_prompt_tokens = request.max_prompt_tokens;
  spec.max_output_tokens = request.max_output_tokens;
  spec.sampling = request.sampling;
  spec.forced_output_ids = request.forced_output_ids;
  spec.priority = request.priority;
  spec.tenant = request.tenant;
  for (int32_t sample = 1; sample < request.num_samples; ++sample) {
    SampleFork fork{SequenceId{static_cast<int64_t>(command.sequence) + sample}, request.sampling};
    fork.sampling.seed += static_cast<uint64_t>(sample);
    spec.forks.push_back(std::move(fork));
  }
  ActiveRequest active(request, command.begun);
  ActiveSample& first = active.samples.front();
  first.state = ActiveSample::State::kRunning;
  first.output_tokens = static_cast<int64_t>(request.forced_output_ids.size());
  for (const int32_t id : request.forced_output_ids) first.text.Append(tokens_.bytes(id));
  requests_.emplace(spec.id, std::move(active));
  scheduler_.Enqueue(std::move(spec));
}

void StepLoop::OfferPage(const OfferPageCommand& command) {
  const auto request = requests_.find(command.sequence);
  if (request == requests_.end() || !CountPrompt(request, command.fragment)) return;
  request->second.visual_tokens += command.fragment.pages.front().grid.num_tokens();
  scheduler_.OfferPage(command.sequence, command.name, command.fragment);
}

void StepLoop::AddPage(AddPageCommand command) {
  if (!requests_.contains(command.sequence)) return;
  scheduler_.AddPage(command.sequence, std::move(command.image));
}

void StepLoop::FinishPrompt(const FinishPromptCommand& command) {
  const auto request = requests_.find(command.sequence);
  if (request == requests_.end() || !CountPrompt(request, command.fragment)) return;
  request->second.prompt_complete = clock_();
  scheduler_.FinishPrompt(command.sequence, command.fragment);
}

bool StepLoop::CountPrompt(Requests::iterator request, const Prompt& fragment) {
  ActiveRequest& active = request->second;
  active.prompt_tokens += static_cast<int64_t>(fragment.ids.size());
  if (active.prompt_tokens <= active.max_prompt_tokens) return true;
  Fail(request,
       rpc::MakeError(
           absl::StatusCode::kInternal,
           {.reason = "PROMPT_BOUND_EXCEEDED", .field = "", .retry_after = {}},
           absl::StrCat("the prompt has ", active.prompt_tokens, " tokens, above its bound of ",
                        active.max_prompt_tokens, "; this is a fault of the server")));
  return false;
}

void StepLoop::Cancel(const CancelCommand& command) {
  const auto request = requests_.find(command.sequence);
  if (request == requests_.end()) return;
  // A call whose deadline passed is cancelled by gRPC, often before this loop looks at the clock.
  const absl::Duration now = clock_();
  if (!command.failure.ok()) {
    Fail(request, command.failure);
  } else if (now >= request->second.deadline) {
    Fail(request, DeadlineExceeded(now - request->second.begun));
  } else {
    TakeEnded(request, counts_.cancelled).sink->OnError(Cancelled());
  }
}

void StepLoop::ExpireDeadlines() {
  const absl::Duration now = clock_();
  for (auto request = requests_.begin(); request != requests_.end();) {
    const auto expired = request++;
    if (now < expired->second.deadline) continue;
    Fail(expired, DeadlineExceeded(now - expired->second.begun));
  }
}

absl::Duration StepLoop::next_deadline() const {
  absl::Duration next = absl::InfiniteDuration();
  for (const auto& [sequence, request] : requests_) next = std::min(next, request.deadline);
  return next;
}

absl::StatusOr<bool> StepLoop::Step() {
  if (scheduler_.num_in_flight() == 0) {
    scheduler_.Admit();
    StepPlan plan = scheduler_.Plan();
    if (plan.empty()) {
      if (requests_.empty()) scheduler_.CheckIdle();
      counts_.largest_request_bytes = LargestRequestBytes();
      Publish();
      return TellNotices();  // an answered offer may be work
    }
    executor_.Submit(std::move(plan));
  }
  StepPlan next = scheduler_.PlanAhead();
  if (!next.empty()) executor_.Submit(std::move(next));
  TellNotices();                                          // while the step runs, ...
  counts_.largest_request_bytes = LargestRequestBytes();  // ... with the blocks that it fills
  const absl::StatusOr<StepResult> result = executor_.Collect();
  if (!result.ok()) return FailStep(result.status());
  GLYPH_RETURN_IF_ERROR(Report(scheduler_.Commit(*result), *result));
  return true;
}

absl::StatusOr<bool> StepLoop::FailStep(const absl::Status& status) {
  base::LogError("step_failed", {{"status", std::string(status.message())}});
  bool goes_on = absl::IsResourceExhausted(status);
  for (int32_t ahead = scheduler_.num_in_flight() - 1; goes_on && ahead > 0; --ahead) {
    const absl::Status lost = executor_.Collect().status();
    goes_on = lost.ok() || absl::IsResourceExhausted(lost);
  }
  const std::optional<SequenceId> newest = scheduler_.Abandon();
  if (goes_on && newest.has_value()) {
    Fail(RequestOf(*newest),
         rpc::ResourceExhausted("OUT_OF_MEMORY", absl::Seconds(1),
                                "a step of the model ran out of memory, and this request, its "
                                "newest, was given up for the others; retry later"));
    return true;
  }
  return rpc::Unavailable("EXECUTOR_FAILED", absl::Seconds(5),
                          "the model stopped working and this server restarts; retry later");
}

void StepLoop::Fail(Requests::iterator request, const absl::Status& status) {
  TakeEnded(request, counts_.failed).sink->OnError(status);
}

ActiveRequest StepLoop::TakeEnded(Requests::iterator request, int64_t& counter) {
  auto node = requests_.extract(request);
  ActiveRequest& active = node.mapped();
  for (size_t i = 0; i < active.samples.size(); ++i) {
    const SequenceId sequence{static_cast<int64_t>(node.key()) + static_cast<int64_t>(i)};
    if (scheduler_.Contains(sequence)) scheduler_.Finish(sequence);
  }
  door_.Leave(active.id);
  ++counter;
  Publish();
  return std::move(active);
}

void StepLoop::AwaitStep() {
  if (scheduler_.num_in_flight() == 0) return;
  executor_.Collect().IgnoreError();
  scheduler_.Abandon();
}

void StepLoop::EndAll(const absl::Status& status) {
  while (!requests_.empty()) Fail(requests_.begin(), status);
}

StepLoop::Requests::iterator StepLoop::RequestOf(SequenceId sequence) {
  auto after = requests_.upper_bound(sequence);
  if (after == requests_.begin()) return requests_.end();
  const auto request = std::prev(after);
  const int64_t index = static_cast<int64_t>(sequence) - static_cast<int64_t>(request->first);
  return index < static_cast<int64_t>(request->second.samples.size()) ? request : requests_.end();
}

int64_t StepLoop::LargestRequestBytes() const {
  int64_t largest = 0;
  for (const auto& [sequence, request] : requests_) {
    largest =
        std::max(largest, request_memory_.HeldBytes(scheduler_, sequence, request.samples.size()));
  }
  return largest;
}

void StepLoop::Publish() {
  counts_.running = scheduler_.num_admitted();
  counts_.preempted = scheduler_.num_preempted();
  counts_.kv_blocks_used = scheduler_.pool().num_used();
  counts_.kv_blocks_cached = scheduler_.pool().num_cached();
  const VisionCache& vision = scheduler_.vision();
  counts_.vision_tokens_used = vision.num_held_tokens();
  counts_.vision_tokens_cached = vision.num_tokens() - vision.num_held_tokens();
  counts_.scheduler = scheduler_.counts();
  const absl::Duration now = clock_();
  statistics_.Publish(counts_, executor_.memory(), now);
  if (!memory_stages_.IsDue(counts_, now)) return;
  memory_stages_.Record(executor_.MeasureDriverBytes(), counts_, now);
  statistics_.PublishStages(memory_stages_.stages());
}

}  // namespace glyph::vlm
