#pragma once
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/bench/bench_prompts.h"
#include "tests/bench/lent_executor.h"
#include "tests/fakes/recording_sink.h"
#include "vlm_service/engine/engine.h"
#include "vlm_service/model_folder.h"

namespace glyph::vlm {

absl::Duration MonotonicNow();
double Median(std::vector<double> values);  // not empty

// Steps of a batch that does nothing but decode.
struct DecodeTimes {
  // Between two tokens of one sequence, as its client sees them: engine, executor and GPU.
  double median_ms = 0;
  double mean_ms = 0;
  // The step's CUDA graph alone, replayed without the host (gpu_probe.h). What a step needs besides
  // it, the copy of its inputs included, is the difference. nullopt: there was no graph.
  std::optional<double> graph_ms;
};

// A loaded model and what is measured of it, through an engine but without sockets. Prompts and
// pixels are ready before the clock starts. Errors are the engine's. Not thread-safe.
class MeasuredModel {
 public:
  // Every answer is as long as it is asked to be.
  explicit MeasuredModel(LoadedModel model);
  ~MeasuredModel();

  BenchPrompts& prompts() { return prompts_; }
  StepExecutor& executor() { return *model_.executor; }

  // From the request to its first token. Includes hashing names, resizing uploads, making patches.
  absl::StatusOr<double> FirstTokenMs(const FragmentedPrompt& prompt);

  // All sequences have read `context` tokens of their own when they begin to decode, in one step;
  // the first steps are not timed. Remembers what it measured.
  absl::StatusOr<DecodeTimes> Decode(int64_t batch, int64_t context);

  // The encoder on one page, its patches included, as one step without an engine.
  absl::StatusOr<double> VisionMs(std::shared_ptr<const PageImage> page);

 private:
  struct Answer;

  void LendTo(std::unique_ptr<Engine>& engine, double idle_ms);
  absl::StatusOr<std::unique_ptr<Answer>> Ask(Engine& engine, const FragmentedPrompt& prompt,
                                              int64_t num_tokens, size_t replay_after = 0);
  absl::Status AskTogether(Engine& engine, int64_t batch, int64_t context, int64_t num_tokens,
                           size_t replay_after, std::vector<std::unique_ptr<Answer>>& answers);
  absl::StatusOr<DecodeTimes> MeasureDecode(int64_t batch, int64_t context);

  LoadedModel model_;
  BenchPrompts prompts_;
  StepGate gate_;
  std::unique_ptr<Engine> engine_;  // for first tokens; null while the executor does other things
  std::map<std::pair<int64_t, int64_t>, DecodeTimes> decoded_;
  int64_t next_request_ = 0;
  int64_t next_page_ = -100;  // the scheduler's begin at 0
};

}  // namespace glyph::vlm
