#include "tests/bench/gpu_engine_model.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "proto/rpc/error.h"
#include "tests/bench/gpu_probe.h"

namespace glyph::vlm {
namespace {

constexpr size_t kWarmSteps = 4;
constexpr size_t kStepsAlone = 64;  // timed, of one sequence
constexpr size_t kSteps = 24;       // timed, of several
constexpr double kServingIdleMs = 400;
constexpr double kNoLimitMs = 1e9;  // whatever there is goes in one step
constexpr int64_t kStarterTokens = 8;

}  // namespace

absl::Duration MonotonicNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// When each token of an answer came; to be looked at once it has ended.
struct MeasuredModel::Answer {
  // With `replay_after`, so many tokens from the first on, the next step's graph is replayed.
  explicit Answer(size_t replay_after)
      : sink(std::make_shared<RecordingSink>([this, replay_after](const TokenEvent&) {
          times.push_back(MonotonicNow());
          if (times.size() == replay_after) bench::ReplayNextGraph();
        })) {}

  std::vector<absl::Duration> times;
  const std::shared_ptr<RecordingSink> sink;
};

MeasuredModel::MeasuredModel(LoadedModel model)
    : model_(std::move(model)),
      prompts_(*model_.prompts, model_.served.pages, model_.served.vocab_size) {
  model_.tokens.stop_ids.clear();
}

MeasuredModel::~MeasuredModel() = default;

// Prefixes are reused as in a server: prompts that must not profit differ from their first block
// on.
void MeasuredModel::LendTo(std::unique_ptr<Engine>& engine, double idle_ms) {
  EngineOptions options;
  options.max_waiting = 1024;
  options.budget.idle_ms = idle_ms;
  options.budget.max_chunk_tokens = 8192;
  engine = std::make_unique<Engine>(std::make_unique<LentExecutor>(*model_.executor, gate_),
                                    model_.tokens, MonotonicNow, std::move(options));
}

absl::StatusOr<std::unique_ptr<MeasuredModel::Answer>> MeasuredModel::Ask(
    Engine& engine, const FragmentedPrompt& prompt, int64_t num_tokens, size_t replay_after) {
  auto answer = std::make_unique<Answer>(replay_after);
  Request request;
  request.id = std::to_string(next_request_++);
  request.max_prompt_tokens = prompt.num_tokens;
  request.max_output_tokens = num_tokens;
  request.sink = answer->sink;
  GLYPH_ASSIGN_OR_RETURN(const SequenceId id, engine.Begin(std::move(request)));
  for (size_t i = 0; i < prompt.pages.size(); ++i) {
    const PageImage& page = *prompt.pages[i];
    const bool uploaded = page.origin == PageOrigin::kUploaded;
    engine.OfferPage(id, HashPage({page.key, page.width, page.height, page.channels, uploaded, ""}),
                     prompt.fragments[i]);
    const std::optional<bool> have = answer->sink->AwaitDecision(i);
    if (!have.has_value() || *have) continue;
    GLYPH_ASSIGN_OR_RETURN(PageImage fitted, model_.served.fit_page(page, prompt.grids[i]));
    engine.AddPage(id, std::make_shared<const PageImage>(std::move(fitted)));
  }
  engine.FinishPrompt(id, prompt.fragments.back());
  return answer;
}

absl::StatusOr<double> MeasuredModel::FirstTokenMs(const FragmentedPrompt& prompt) {
  if (engine_ == nullptr) LendTo(engine_, kServingIdleMs);
  const absl::Duration start = MonotonicNow();
  GLYPH_ASSIGN_OR_RETURN(const auto answer, Ask(*engine_, prompt, 1));
  GLYPH_RETURN_IF_ERROR(answer->sink->AwaitEnd());
  return absl::ToDoubleMilliseconds(answer->times.front() - start);
}

absl::StatusOr<DecodeTimes> MeasuredModel::Decode(int64_t batch, int64_t context) {
  const auto known = decoded_.find({batch, context});
  if (known != decoded_.end()) return known->second;
  GLYPH_ASSIGN_OR_RETURN(const DecodeTimes times, MeasureDecode(batch, context));
  return decoded_[{batch, context}] = times;
}

// The engine is held in its first step, of a request that ends with it, until the batch is there:
// its prompts are then read in the same steps, and no sequence decodes before the last one can.
absl::Status MeasuredModel::AskTogether(Engine& engine, int64_t batch, int64_t context,
                                        int64_t num_tokens, size_t replay_after,
                                        std::vector<std::unique_ptr<Answer>>& answers) {
  gate_.Close();
  auto starter = Ask(engine, prompts_.Make(kStarterTokens), 1);
  absl::Status refused = starter.status();
  if (refused.ok()) gate_.AwaitSomebody();
  for (int64_t i = 0; i < batch && refused.ok(); ++i) {
    auto answer = Ask(engine, prompts_.Make(context), num_tokens, i == 0 ? replay_after : 0);
    refused = answer.status();
    if (answer.ok()) answers.push_back(*std::move(answer));
  }
  gate_.Open();
  GLYPH_RETURN_IF_ERROR(refused);
  return (*starter)->sink->AwaitEnd();
}

absl::StatusOr<DecodeTimes> MeasuredModel::MeasureDecode(int64_t batch, int64_t context) {
  const size_t steps = batch == 1 ? kStepsAlone : kSteps;
  const size_t first = 1 + kWarmSteps;  // the prompt's own token and the first steps' are not timed
  const size_t end = first + steps;
  engine_.reset();
  std::vector<std::unique_ptr<Answer>> answers;  // outlive the engine, which writes to them
  std::unique_ptr<Engine> engine;
  LendTo(engine, kNoLimitMs);
  GLYPH_RETURN_IF_ERROR(
      AskTogether(*engine, batch, context, static_cast<int64_t>(end + 2), end, answers));
  for (const auto& answer : answers) GLYPH_RETURN_IF_ERROR(answer->sink->AwaitEnd());
  const std::vector<absl::Duration>& times = answers.front()->times;
  if (answers.back()->times.front() > times[1]) {
    return absl::InternalError("the sequences did not begin together");
  }
  std::vector<double> gaps;
  for (size_t i = first; i < end; ++i) {
    gaps.push_back(absl::ToDoubleMilliseconds(times[i] - times[i - 1]));
  }
  const absl::Duration whole = times[end - 1] - times[first - 1];
  return DecodeTimes{.median_ms = Median(gaps),
                     .mean_ms = absl::ToDoubleMilliseconds(whole) / static_cast<double>(steps),
                     .graph_ms = bench::TakeReplayMs()};
}

absl::StatusOr<double> MeasuredModel::VisionMs(std::shared_ptr<const PageImage> page) {
  engine_.reset();
  const PageGrid grid = prompts_.GridOf(*page);
  const PageId id{next_page_--};
  StepPlan plan;
  plan.vision.push_back({.page = id,
                         .image = std::move(page),
                         .grid = grid,
                         .first_unit = 0,
                         .num_units = executor().limits().VisionUnits(grid)});
  const absl::Duration start = MonotonicNow();
  executor().Submit(std::move(plan));
  GLYPH_RETURN_IF_ERROR(executor().Collect().status());
  const double ms = absl::ToDoubleMilliseconds(MonotonicNow() - start);
  StepPlan last;
  last.released_pages.push_back(id);
  executor().Submit(std::move(last));
  GLYPH_RETURN_IF_ERROR(executor().Collect().status());
  return ms;
}

}  // namespace glyph::vlm
