// What the scheduler itself costs a step while 256 sequences decode. The bar is 100 microseconds.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <numeric>
#include <optional>
#include <vector>

#include "tests/fakes/fake_prompt.h"
#include "vlm_service/scheduler/scheduler.h"

namespace glyph::vlm {
namespace {

constexpr int32_t kNumRunning = 256;
constexpr int64_t kPromptTokens = 1000;
constexpr int64_t kOutputTokens = 100'000;

ExecutorLimits Limits(int32_t max_slots) {
  return {.num_blocks = 2'000'000,
          .block_tokens = 16,
          .max_slots = max_slots,
          .max_vision_tokens = 30'000,
          .context_tokens = 200'000};
}

// Many sequences that decode.
class Load {
 public:
  explicit Load(int32_t max_slots = 2 * kNumRunning)
      : scheduler_(Limits(max_slots), {.idle_ms = 1e9}) {
    for (int32_t i = 0; i < kNumRunning; ++i) Enqueue(kPromptTokens, kOutputTokens);
    while (num_decoding_ < kNumRunning) Step();
  }

  SequenceId Enqueue(int64_t prompt_tokens, int64_t output_tokens) {
    SequenceSpec spec;
    spec.id = SequenceId{next_id_++};
    spec.max_prompt_tokens = prompt_tokens;
    spec.max_output_tokens = output_tokens;
    const SequenceId id = spec.id;
    scheduler_.Enqueue(std::move(spec));
    std::vector<int32_t> ids(static_cast<size_t>(prompt_tokens));
    std::iota(ids.begin(), ids.end(), static_cast<int32_t>(next_id_) * 1000);
    scheduler_.FinishPrompt(id, FakeText(ids));
    return id;
  }

  // What the engine does around a step.
  void Step() {
    scheduler_.Admit();
    const StepPlan plan = scheduler_.Plan();
    benchmark::DoNotOptimize(scheduler_.TakeNotices());
    size_t num_rows = plan.decode.size();
    for (const PrefillChunk& chunk : plan.prefill) num_rows += chunk.samples ? 1 : 0;
    result_.tokens.resize(num_rows);
    for (SampledToken& token : result_.tokens) token.token = next_token_++ % 1000;
    result_.prefill_ms = plan.prefill.empty() ? 0 : 10;
    result_.decode_ms = plan.decode.empty() ? 0 : 10;
    benchmark::DoNotOptimize(scheduler_.Commit(result_));
    benchmark::DoNotOptimize(scheduler_.TakeNotices());
    num_decoding_ = static_cast<int32_t>(num_rows);
  }

  Scheduler& scheduler() { return scheduler_; }

 private:
  Scheduler scheduler_;
  StepResult result_;
  int64_t next_id_ = 1;
  int32_t next_token_ = 0;
  int32_t num_decoding_ = 0;
};

void DecodeStep(benchmark::State& state) {
  Load load;
  for (auto _ : state) load.Step();
}
BENCHMARK(DecodeStep)->Unit(benchmark::kMicrosecond);

// One request of 500 tokens comes and one goes in every step.
void StepWithAnArrival(benchmark::State& state) {
  Load load;
  std::optional<SequenceId> last;
  for (auto _ : state) {
    if (last) load.scheduler().Finish(*last);
    last = load.Enqueue(500, 1000);
    load.Step();
  }
}
BENCHMARK(StepWithAnArrival)->Unit(benchmark::kMicrosecond);

// Another 128 requests wait for a slot.
void StepWithAFullQueue(benchmark::State& state) {
  Load load(kNumRunning);
  for (int32_t i = 0; i < 128; ++i) load.Enqueue(500, 1000);
  for (auto _ : state) load.Step();
}
BENCHMARK(StepWithAFullQueue)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace glyph::vlm

BENCHMARK_MAIN();
